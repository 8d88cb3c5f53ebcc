// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Rates as 15-bit floats: 5 bits of exponent, 10 of mantissa, no sign, gradual underflow
/// @notice Monotone: comparing encodings compares rates. A lane's rate is a capacity; the largest is 2047 × 2^30, below 2^41.
library Minifloat {
    function decode(uint256 lane) internal pure returns (uint256 rate) {
        unchecked {
            uint256 exponent = lane >> 10;
            rate = lane & 0x3ff;
            if (exponent != 0) rate = (rate | 0x400) << (exponent - 1);
        }
    }
}
