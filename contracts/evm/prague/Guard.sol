// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title A lock against calls from within a call, in transient storage
abstract contract Guard is ReentrancyGuardTransient {}
