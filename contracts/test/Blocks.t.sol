// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {ArbSys, Blocks as ArbitrumBlocks} from "../evm/arbitrum/Blocks.sol";
import {Blocks as LondonBlocks} from "../evm/london/Blocks.sol";
import {Blocks as PragueBlocks} from "../evm/prague/Blocks.sol";

/// @dev ArbSys of a chain whose parent is at another height, as Arbitrum answers.
contract FakeArbSys is ArbSys {
    uint256 public arbBlockNumber = 400_000_000;

    function arbBlockHash(uint256 number) external view returns (bytes32) {
        require(number < arbBlockNumber && number + 256 >= arbBlockNumber, "InvalidBlockNumber");
        return keccak256(abi.encode(number));
    }

    function mine() external {
        ++arbBlockNumber;
    }
}

contract BlocksTest is Test {
    function test_arbitrumCountsItsOwnBlocks() public {
        // Storage does not come with code.
        FakeArbSys system = FakeArbSys(address(100));
        vm.etch(address(100), address(new FakeArbSys()).code);
        vm.store(address(100), 0, bytes32(uint256(400_000_000)));
        vm.roll(21_000_000);
        assertEq(ArbitrumBlocks.number(), 400_000_000, "not the parent's");
        assertEq(ArbitrumBlocks.hashOf(399_999_999), keccak256(abi.encode(399_999_999)));
        assertEq(ArbitrumBlocks.hashOf(399_999_744), keccak256(abi.encode(399_999_744)), "the last in reach");
        assertEq(ArbitrumBlocks.hashOf(399_999_743), 0, "out of reach");
        assertEq(ArbitrumBlocks.hashOf(400_000_000), 0, "not over yet");
        system.mine();
        assertEq(ArbitrumBlocks.hashOf(400_000_000), keccak256(abi.encode(400_000_000)));
    }

    function test_londonReaches256BlocksAndPrague8191() public {
        vm.roll(20_000);
        vm.setBlockhash(19_999, keccak256("recent"));
        assertEq(LondonBlocks.number(), 20_000);
        assertEq(PragueBlocks.number(), 20_000);
        assertEq(LondonBlocks.hashOf(19_999), keccak256("recent"));
        assertEq(PragueBlocks.hashOf(19_999), keccak256("recent"));
        assertEq(LondonBlocks.hashOf(20_000 - 300), 0);
        // What EIP-2935 has at this address, for one block.
        vm.mockCall(
            0x0000F90827F1C53a10cb7A02335B175320002935,
            abi.encode(uint256(20_000 - 300)),
            abi.encode(keccak256("long ago"))
        );
        assertEq(PragueBlocks.hashOf(20_000 - 300), keccak256("long ago"));
        assertEq(PragueBlocks.hashOf(20_000), 0, "not over yet");
    }
}
