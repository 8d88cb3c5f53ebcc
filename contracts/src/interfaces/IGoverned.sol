// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title What governed contracts report: errors and events
interface IGovernedReports {
    /// @notice The caller is not the owner.
    error NotOwner(address caller);
    /// @notice The caller is not the guardian.
    error NotGuardian(address caller);
    /// @notice The caller is not the contract this function was made for.
    error NotKaisarContract(address caller);
    /// @notice The contracts were not constructed with each other's addresses.
    error WrongWiring();
    /// @notice An address that must not be zero is.
    error ZeroAddress();
    /// @notice A parameter lies outside of its hard-coded bounds. `name` says which.
    error OutOfBounds(bytes32 name);
    /// @notice The function is paused until `until` (block time, seconds).
    error Paused(uint256 bit, uint64 until);
    /// @notice The bit is paused, or some bit was within the last seven days: a pause of seven days is followed by seven of rest.
    error PauseResting(uint256 bit, uint64 until);

    /// @notice The successor becomes owner when it takes the offer.
    event OwnershipOffered(address indexed owner, address indexed successor);
    /// @notice There is another owner.
    event OwnershipTaken(address indexed owner);
    /// @notice There is another guardian, or none.
    event GuardianChanged(address indexed guardian);
    /// @param until Block time, in seconds, at which the pause ends by itself.
    event PauseSet(uint256 indexed bit, uint64 until);
}

/// @title Who may change what
/// @notice `owner` is a timelock: it starts the first epoch and schedules bounded parameters. `guardian` may set a pause bit
/// that expires by itself after seven days; bits set later in those days expire with it. For the seven days that follow none can be set.
/// Withdrawing and paying have no bit.
interface IGoverned is IGovernedReports {
    /// @notice A timelock, who schedules rules.
    function owner() external view returns (address);
    /// @notice Who may set pause bits; nobody where it is zero.
    function guardian() external view returns (address);

    /// @notice First step of a handover; the successor takes it with {takeOwnership}.
    function offerOwnership(address successor) external;
    /// @notice For the successor that the owner offered it to.
    function takeOwnership() external;
    /// @notice Names another guardian; zero for none. Owner only.
    function setGuardian(address guardian) external;

    /// @notice Pauses the functions behind `bit` for seven days, or for the rest of the pause of another bit. Guardian only.
    function pause(uint256 bit) external;

    /// @notice Block time until which `bit` is paused; in the past when it is not.
    function pausedUntil(uint256 bit) external view returns (uint64);
}
