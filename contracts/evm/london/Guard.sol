// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

/// @title A lock against calls from within a call
/// @notice In storage: transient storage came with Cancun.
abstract contract Guard is ReentrancyGuard {}
