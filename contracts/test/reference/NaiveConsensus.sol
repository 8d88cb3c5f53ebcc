// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title What packed medians are compared with: one commit and one reveal per verdict, a scalar median on chain
/// @notice Test only. Written as one would write it first: a mapping per device, a slot per seat, insertion sort, standings in a slot.
contract NaiveConsensus {
    struct Verdict {
        bytes32 commitment;
        uint64 epoch;
        uint32 rate;
        uint16 uptime;
        uint8 flags;
        bool revealed;
    }

    mapping(bytes32 deviceId => mapping(address seat => Verdict)) public verdicts;
    mapping(bytes32 deviceId => uint256) public standing;
    mapping(bytes32 deviceId => uint256) public credit;

    event Revealed(uint64 indexed epoch, bytes32 indexed deviceId, address indexed seat, uint32 rate);
    event Scored(uint64 indexed epoch, bytes32 indexed deviceId, uint256 credit);

    function commit(uint64 epoch, bytes32 deviceId, bytes32 commitment) external {
        Verdict storage v = verdicts[deviceId][msg.sender];
        require(v.epoch < epoch, "committed");
        v.commitment = commitment;
        v.epoch = epoch;
        v.revealed = false;
    }

    function reveal(uint64 epoch, bytes32 deviceId, uint32 rate, uint16 uptime, uint8 flags, bytes32 salt) external {
        Verdict storage v = verdicts[deviceId][msg.sender];
        require(v.epoch == epoch && !v.revealed, "not committed");
        require(v.commitment == keccak256(abi.encode(msg.sender, epoch, deviceId, rate, uptime, flags, salt)), "proof");
        (v.rate, v.uptime, v.flags, v.revealed) = (rate, uptime, flags, true);
        emit Revealed(epoch, deviceId, msg.sender, rate);
    }

    function finalize(uint64 epoch, bytes32 deviceId, address[5] calldata seats) external {
        uint256[5] memory rates;
        uint256[5] memory uptimes;
        uint256 good;
        for (uint256 i; i < 5; ++i) {
            Verdict storage v = verdicts[deviceId][seats[i]];
            require(v.epoch == epoch && v.revealed, "missing");
            (rates[i], uptimes[i]) = (v.rate, v.uptime);
            if (v.flags == 15) ++good;
        }
        uint256 score = good >= 3 ? _median(rates) * _median(uptimes) / 10_000 : 0;
        uint256 old = standing[deviceId];
        uint256 capped = old == 0 || score < 2 * old ? score : 2 * old;
        credit[deviceId] = capped;
        standing[deviceId] = capped > old ? old + (capped - old) / 4 : old - (old - capped) / 4;
        emit Scored(epoch, deviceId, capped);
    }

    function _median(uint256[5] memory v) private pure returns (uint256) {
        for (uint256 i = 1; i < 5; ++i) {
            for (uint256 j = i; j > 0 && v[j - 1] > v[j]; --j) {
                (v[j - 1], v[j]) = (v[j], v[j - 1]);
            }
        }
        return v[2];
    }
}
