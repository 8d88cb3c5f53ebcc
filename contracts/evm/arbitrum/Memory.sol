// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Memory} from "../prague/Memory.sol";
