// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "solady/utils/ECDSA.sol";
import {Receipt} from "../interfaces/ICheckerSeats.sol";
import {Commitment, Registration} from "../interfaces/IDeviceRegistry.sol";

/// @title EIP-712 messages that are also verified on chain; the same as src/core/protocol/typed-data.ts
library SignedTypes {
    bytes32 internal constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 internal constant COMMITMENT_TYPEHASH = keccak256(
        "Commitment(uint64 epoch,bytes32 round,bytes32 deviceId,uint32 generation,bytes32 specHash,uint64 rows,bytes32 root,bytes32 environmentHash)"
    );
    bytes32 internal constant RECEIPT_TYPEHASH = keccak256(
        "Receipt(uint64 epoch,uint32 cohort,uint8 lane,bytes32 deviceId,uint32 generation,uint16 rate,uint16 uptime,uint8 flags)"
    );

    bytes32 internal constant REGISTRATION_TYPEHASH = keccak256(
        "Registration(address operator,address payer,bytes32 localId,address payout,uint32 generation,bytes32 deviceHash,bytes32 certificateHash,bytes32 attestedIdentity)"
    );

    function domainSeparator(address consensus) internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, keccak256("Kaisar"), keccak256("1"), block.chainid, consensus));
    }

    function digest(bytes32 domain, Commitment calldata message) internal pure returns (bytes32) {
        return _digest(domain, keccak256(abi.encode(COMMITMENT_TYPEHASH, message)));
    }

    function digest(bytes32 domain, Receipt calldata message) internal pure returns (bytes32) {
        return _digest(domain, keccak256(abi.encode(RECEIPT_TYPEHASH, message)));
    }

    function digest(bytes32 domain, Registration calldata message) internal pure returns (bytes32) {
        return _digest(domain, keccak256(abi.encode(REGISTRATION_TYPEHASH, message)));
    }

    /// @notice Zero where the signature is none.
    function signer(bytes32 digest_, bytes calldata signature) internal view returns (address) {
        return ECDSA.tryRecoverCalldata(digest_, signature);
    }

    function _digest(bytes32 domain, bytes32 structHash) private pure returns (bytes32) {
        return keccak256(abi.encodePacked("\x19\x01", domain, structHash));
    }
}
