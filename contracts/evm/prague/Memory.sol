// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Copies of memory
library Memory {
    /// @dev `size` bytes from `source` to `target`, which do not overlap.
    function copy(uint256 target, uint256 source, uint256 size) internal pure {
        assembly ("memory-safe") {
            mcopy(target, source, size)
        }
    }
}
