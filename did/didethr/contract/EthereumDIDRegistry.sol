// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A registry of decentralised identifiers with ERC-1056's functions and events, and a provable history.
/// @notice Unaudited. README.md beside this file lists every difference from the registries that are deployed elsewhere.
/// @dev An identity is an address. Until its first change of owner it owns itself; no registration is needed. What an identity
/// publishes stands in events, linked backwards by block numbers. There is no administrator, no proxy, no call to other code, and
/// no way for ether to come in.
contract EthereumDIDRegistry {
    // ---------------------------------------------------------------- storage; the order of slots is part of the interface

    struct Ownership {
        address owner; // of no meaning unless changed
        bool changed; // true from the first change of owner on; with owner zero the identity is deactivated
    }

    mapping(address identity => Ownership) private ownership; // slot 0
    /// @notice Until when a delegate is valid, by identity, keccak256 of the delegate's type, and delegate.
    mapping(address identity => mapping(bytes32 typeHash => mapping(address delegate => uint256 validTo))) public delegates; // slot 1
    /// @notice The block of the newest event of an identity, or zero.
    mapping(address identity => uint256 blockNumber) public changed; // slot 2
    /// @notice The number that the next signed operation of an identity must carry.
    mapping(address identity => uint256) public nonce; // slot 3
    /// @notice The accumulator: a hash over all events of an identity, in their order, with the block and time of each.
    mapping(address identity => bytes32) public history; // slot 4

    // ---------------------------------------------------------------- events, exactly ERC-1056's

    event DIDOwnerChanged(address indexed identity, address owner, uint256 previousChange);
    event DIDDelegateChanged(
        address indexed identity, bytes32 delegateType, address delegate, uint256 validTo, uint256 previousChange
    );
    event DIDAttributeChanged(
        address indexed identity, bytes32 name, bytes value, uint256 validTo, uint256 previousChange
    );

    // ---------------------------------------------------------------- constants

    uint256 private constant LEAF_VERSION = 1;
    uint256 private constant KIND_OWNER = 1;
    uint256 private constant KIND_DELEGATE = 2;
    uint256 private constant KIND_ATTRIBUTE = 3;

    /// Half the order of secp256k1: a signature with a larger s is the twin of one that exists already (EIP-2).
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant DOMAIN_NAME = keccak256("EthereumDIDRegistry");
    bytes32 private constant DOMAIN_VERSION = keccak256("1");
    bytes32 private constant CHANGE_OWNER = keccak256("ChangeOwner(address identity,address newOwner,uint256 nonce)");
    bytes32 private constant ADD_DELEGATE = keccak256(
        "AddDelegate(address identity,bytes32 delegateType,address delegate,uint256 validity,uint256 nonce)"
    );
    bytes32 private constant REVOKE_DELEGATE =
        keccak256("RevokeDelegate(address identity,bytes32 delegateType,address delegate,uint256 nonce)");
    bytes32 private constant SET_ATTRIBUTE =
        keccak256("SetAttribute(address identity,bytes32 name,bytes value,uint256 validity,uint256 nonce)");
    bytes32 private constant REVOKE_ATTRIBUTE =
        keccak256("RevokeAttribute(address identity,bytes32 name,bytes value,uint256 nonce)");

    // ---------------------------------------------------------------- reading

    /// @notice The address that may change the identity; zero once it is deactivated, for good.
    function identityOwner(address identity) public view returns (address) {
        Ownership storage o = ownership[identity];
        return o.changed ? o.owner : identity;
    }

    /// @notice The owner that a change of owner left behind; zero if there was none, or if the identity is deactivated.
    function owners(address identity) external view returns (address) {
        return ownership[identity].owner;
    }

    /// @notice Whether a delegate is valid now. No delegate of a deactivated identity is.
    function validDelegate(address identity, bytes32 delegateType, address delegate) external view returns (bool) {
        return delegates[identity][_typeHash(delegateType)][delegate] > block.timestamp
            && identityOwner(identity) != address(0);
    }

    // ---------------------------------------------------------------- operations of the owner

    /// @notice Hands the identity to another owner. The zero address deactivates it: nothing can be written for it ever after.
    function changeOwner(address identity, address newOwner) external {
        _onlyOwner(identity, msg.sender);
        // Signatures that were given before a change of owner and not used are void, even if the same owner returns.
        nonce[identity]++;
        _changeOwner(identity, newOwner);
    }

    function addDelegate(address identity, bytes32 delegateType, address delegate, uint256 validity) external {
        _onlyOwner(identity, msg.sender);
        _addDelegate(identity, delegateType, delegate, validity);
    }

    function revokeDelegate(address identity, bytes32 delegateType, address delegate) external {
        _onlyOwner(identity, msg.sender);
        _revokeDelegate(identity, delegateType, delegate);
    }

    function setAttribute(address identity, bytes32 name, bytes calldata value, uint256 validity) external {
        _onlyOwner(identity, msg.sender);
        _setAttribute(identity, name, value, validity);
    }

    function revokeAttribute(address identity, bytes32 name, bytes calldata value) external {
        _onlyOwner(identity, msg.sender);
        _revokeAttribute(identity, name, value);
    }

    // ---------------------------------------------------------------- the same, signed by the owner and sent by anybody

    function changeOwnerSigned(address identity, uint8 sigV, bytes32 sigR, bytes32 sigS, address newOwner) external {
        _onlySigned(identity, sigV, sigR, sigS, keccak256(abi.encode(CHANGE_OWNER, identity, newOwner, nonce[identity])));
        _changeOwner(identity, newOwner);
    }

    function addDelegateSigned(
        address identity,
        uint8 sigV,
        bytes32 sigR,
        bytes32 sigS,
        bytes32 delegateType,
        address delegate,
        uint256 validity
    ) external {
        bytes32 what =
            keccak256(abi.encode(ADD_DELEGATE, identity, delegateType, delegate, validity, nonce[identity]));
        _onlySigned(identity, sigV, sigR, sigS, what);
        _addDelegate(identity, delegateType, delegate, validity);
    }

    function revokeDelegateSigned(
        address identity,
        uint8 sigV,
        bytes32 sigR,
        bytes32 sigS,
        bytes32 delegateType,
        address delegate
    ) external {
        bytes32 what = keccak256(abi.encode(REVOKE_DELEGATE, identity, delegateType, delegate, nonce[identity]));
        _onlySigned(identity, sigV, sigR, sigS, what);
        _revokeDelegate(identity, delegateType, delegate);
    }

    function setAttributeSigned(
        address identity,
        uint8 sigV,
        bytes32 sigR,
        bytes32 sigS,
        bytes32 name,
        bytes calldata value,
        uint256 validity
    ) external {
        bytes32 what =
            keccak256(abi.encode(SET_ATTRIBUTE, identity, name, keccak256(value), validity, nonce[identity]));
        _onlySigned(identity, sigV, sigR, sigS, what);
        _setAttribute(identity, name, value, validity);
    }

    function revokeAttributeSigned(
        address identity,
        uint8 sigV,
        bytes32 sigR,
        bytes32 sigS,
        bytes32 name,
        bytes calldata value
    ) external {
        bytes32 what = keccak256(abi.encode(REVOKE_ATTRIBUTE, identity, name, keccak256(value), nonce[identity]));
        _onlySigned(identity, sigV, sigR, sigS, what);
        _revokeAttribute(identity, name, value);
    }

    // ---------------------------------------------------------------- who may

    function _onlyOwner(address identity, address actor) private view {
        // Nobody owns the zero address, but everybody can make a signature check return it.
        require(identity != address(0), "bad_identity");
        address owner = identityOwner(identity);
        require(owner != address(0), "deactivated");
        require(actor == owner, "bad_actor");
    }

    /// The signed text names the chain as it is now (a fork has another id), this contract, and the identity's nonce, which it uses up.
    function _onlySigned(address identity, uint8 v, bytes32 r, bytes32 s, bytes32 what) private {
        bytes32 domain =
            keccak256(abi.encode(DOMAIN_TYPE, DOMAIN_NAME, DOMAIN_VERSION, block.chainid, address(this)));
        require(uint256(s) <= HALF_ORDER, "bad_signature");
        address signer = ecrecover(keccak256(abi.encodePacked(hex"1901", domain, what)), v, r, s);
        require(signer != address(0), "bad_signature");
        _onlyOwner(identity, signer);
        nonce[identity]++;
    }

    // ---------------------------------------------------------------- what is done; the caller has been checked

    function _changeOwner(address identity, address newOwner) private {
        uint256 previous = changed[identity];
        ownership[identity] = Ownership(newOwner, true);
        emit DIDOwnerChanged(identity, newOwner, previous);
        _append(identity, keccak256(abi.encode(LEAF_VERSION, identity, KIND_OWNER, newOwner, previous)));
    }

    function _addDelegate(address identity, bytes32 delegateType, address delegate, uint256 validity) private {
        require(delegate != address(0), "bad_delegate");
        _setDelegate(identity, delegateType, delegate, _validTo(validity));
    }

    function _revokeDelegate(address identity, bytes32 delegateType, address delegate) private {
        _setDelegate(identity, delegateType, delegate, 0);
    }

    function _setDelegate(address identity, bytes32 delegateType, address delegate, uint256 validTo) private {
        uint256 previous = changed[identity];
        delegates[identity][_typeHash(delegateType)][delegate] = validTo;
        emit DIDDelegateChanged(identity, delegateType, delegate, validTo, previous);
        bytes32 leaf =
            keccak256(abi.encode(LEAF_VERSION, identity, KIND_DELEGATE, delegateType, delegate, validTo, previous));
        _append(identity, leaf);
    }

    function _setAttribute(address identity, bytes32 name, bytes calldata value, uint256 validity) private {
        _attribute(identity, name, value, _validTo(validity));
    }

    function _revokeAttribute(address identity, bytes32 name, bytes calldata value) private {
        _attribute(identity, name, value, 0);
    }

    function _attribute(address identity, bytes32 name, bytes calldata value, uint256 validTo) private {
        uint256 previous = changed[identity];
        emit DIDAttributeChanged(identity, name, value, validTo, previous);
        // The value enters by its hash, so that a leaf has one length and a proof need not carry values it does not speak of.
        bytes32 leaf =
            keccak256(abi.encode(LEAF_VERSION, identity, KIND_ATTRIBUTE, name, keccak256(value), validTo, previous));
        _append(identity, leaf);
    }

    /// Overflow reverts. A validity of zero is refused: an entry either becomes valid or is revoked, and revoked is validTo = 0.
    function _validTo(uint256 validity) private view returns (uint256) {
        require(validity != 0, "bad_validity");
        return block.timestamp + validity;
    }

    function _append(address identity, bytes32 leaf) private {
        history[identity] = keccak256(abi.encode(history[identity], leaf, block.number, block.timestamp));
        changed[identity] = block.number;
    }

    function _typeHash(bytes32 delegateType) private pure returns (bytes32) {
        return keccak256(abi.encode(delegateType));
    }
}
