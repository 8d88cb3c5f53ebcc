// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Copies of memory
/// @notice A word at a time: MCOPY came with Cancun.
library Memory {
    /// @dev `size` bytes, a multiple of 32, from `source` to `target`, which do not overlap.
    function copy(uint256 target, uint256 source, uint256 size) internal pure {
        assembly ("memory-safe") {
            for { let at := 0 } lt(at, size) { at := add(at, 32) } { mstore(add(target, at), mload(add(source, at))) }
        }
    }
}
