// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Guard} from "../prague/Guard.sol";
