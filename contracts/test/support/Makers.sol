// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CheckerSeats} from "../../src/CheckerSeats.sol";
import {DeviceRegistry} from "../../src/DeviceRegistry.sol";
import {EpochConsensus} from "../../src/EpochConsensus.sol";
import {KaisarToken} from "../../src/KaisarToken.sol";
import {RewardVault} from "../../src/RewardVault.sol";
import {EpochExtension} from "../../src/EpochExtension.sol";
import {ICheckerSeats, SeatRules} from "../../src/interfaces/ICheckerSeats.sol";
import {IDeviceRegistry} from "../../src/interfaces/IDeviceRegistry.sol";
import {IEpochConsensus, RoundRules, ScoreRules, Timeline} from "../../src/interfaces/IEpochConsensus.sol";
import {IKaisarToken} from "../../src/interfaces/IKaisarToken.sol";
import {Emission, IRewardVault} from "../../src/interfaces/IRewardVault.sol";

/// @title Constructions that are expected to be refused
/// @dev With `dynamic_test_linking` a test ends, and passes, at the first `new` that `vm.expectRevert` stands before. Behind a call it goes on.
abstract contract Makers {
    function makeToken(address treasury, uint256 supply) external returns (KaisarToken) {
        return new KaisarToken(treasury, supply);
    }

    function makeRegistry(IKaisarToken t, IEpochConsensus c, address owner, address guardian, address treasury, uint256 deposit)
        external
        returns (DeviceRegistry)
    {
        return new DeviceRegistry(t, c, owner, guardian, treasury, deposit);
    }

    function makeSeats(
        IKaisarToken t,
        IEpochConsensus c,
        address owner,
        address guardian,
        address treasury,
        uint256 bond,
        SeatRules memory rules
    ) external returns (CheckerSeats) {
        return new CheckerSeats(t, c, owner, guardian, treasury, bond, rules);
    }

    function makeConsensus(
        IDeviceRegistry r,
        ICheckerSeats s,
        IRewardVault v,
        EpochExtension e,
        address owner,
        address guardian,
        Timeline memory timeline,
        RoundRules memory rounds,
        ScoreRules memory scores
    ) external returns (EpochConsensus) {
        return new EpochConsensus(r, s, v, e, owner, guardian, timeline, rounds, scores);
    }

    function makeVault(
        IKaisarToken t,
        IDeviceRegistry r,
        ICheckerSeats s,
        IEpochConsensus c,
        address owner,
        address guardian,
        Emission memory emission
    ) external returns (RewardVault) {
        return new RewardVault(t, r, s, c, owner, guardian, emission);
    }
}
