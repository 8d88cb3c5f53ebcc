// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The least that a timelock controller does: what its proposer asks for is done by anybody, a delay later
contract Timelock {
    error TooEarly(uint256 from);
    error NotProposed(bytes32 id);
    error NotProposer();

    address private immutable proposer;
    uint256 private immutable delay;
    mapping(bytes32 id => uint256) private readyAt;

    constructor(address proposer_, uint256 delay_) {
        proposer = proposer_;
        delay = delay_;
    }

    function schedule(address to, bytes calldata data) external {
        require(msg.sender == proposer, NotProposer());
        readyAt[keccak256(abi.encode(to, data))] = block.timestamp + delay;
    }

    function execute(address to, bytes calldata data) external {
        bytes32 id = keccak256(abi.encode(to, data));
        uint256 from = readyAt[id];
        require(from != 0, NotProposed(id));
        require(block.timestamp >= from, TooEarly(from));
        delete readyAt[id];
        (bool done, bytes memory reason) = to.call(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(reason, 32), mload(reason))
            }
        }
    }
}
