// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A registry of decentralised identifiers with ERC-1056's functions and events, and a provable history.
/// @notice Unaudited. README.md beside this file lists every difference from the registries that are deployed elsewhere.
/// @dev An identity is an address. Until its first change of owner it owns itself; no registration is needed. What an identity
/// publishes stands in events, linked backwards by block numbers. There is no administrator, no proxy, no delegatecall, and no way for
/// ether to come in. The only other code that is ever asked is that of a contract which owns an identity, whether it agrees to a signed
/// operation (ERC-1271), and it cannot change anything while it is asked.
contract EthereumDIDRegistry {
    // ---------------------------------------------------------------- storage; its layout is part of the interface

    /// What each operation reads and writes, in one word of storage.
    struct Record {
        address owner; // of no meaning unless handedOver
        bool handedOver; // true from the first change of owner on; with owner zero the identity is deactivated
        uint40 nonce; // overflow reverts, after a million million operations
        uint48 changed; // a block number
    }

    mapping(address identity => Record) private records; // slot 0
    /// @notice Until when a delegate is valid, by identity, keccak256 of the delegate's type, and delegate.
    mapping(address identity => mapping(bytes32 typeHash => mapping(address delegate => uint256 validTo))) public delegates; // slot 1
    /// @notice The accumulator: a hash over all events of an identity, in their order, with the block and time of each.
    mapping(address identity => bytes32) public history; // slot 2

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

    string private constant DOMAIN_NAME = "EthereumDIDRegistry";
    string private constant DOMAIN_VERSION = "1";
    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant CHANGE_OWNER =
        keccak256("ChangeOwner(address identity,address newOwner,uint256 nonce,uint256 deadline)");
    bytes32 private constant ADD_DELEGATE = keccak256(
        "AddDelegate(address identity,bytes32 delegateType,address delegate,uint256 validity,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant REVOKE_DELEGATE = keccak256(
        "RevokeDelegate(address identity,bytes32 delegateType,address delegate,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant SET_ATTRIBUTE = keccak256(
        "SetAttribute(address identity,bytes32 name,bytes value,uint256 validity,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant REVOKE_ATTRIBUTE =
        keccak256("RevokeAttribute(address identity,bytes32 name,bytes value,uint256 nonce,uint256 deadline)");

    // ---------------------------------------------------------------- reading

    /// @notice The address that may change the identity; zero once it is deactivated, for good.
    function identityOwner(address identity) public view returns (address) {
        Record storage r = records[identity];
        return r.handedOver ? r.owner : identity;
    }

    /// @notice The owner that a change of owner left behind; zero if there was none, or if the identity is deactivated.
    function owners(address identity) external view returns (address) {
        return records[identity].owner;
    }

    /// @notice The block of the newest event of an identity, or zero.
    function changed(address identity) external view returns (uint256) {
        return records[identity].changed;
    }

    /// @notice The number that the next signed operation of an identity must carry.
    function nonce(address identity) external view returns (uint256) {
        return records[identity].nonce;
    }

    /// @notice Whether a delegate is valid now. No delegate of a deactivated identity is.
    function validDelegate(address identity, bytes32 delegateType, address delegate) external view returns (bool) {
        return delegates[identity][_typeHash(delegateType)][delegate] > block.timestamp
            && identityOwner(identity) != address(0);
    }

    /// @notice The domain of what is signed, for wallets (EIP-5267).
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        return (hex"0f", DOMAIN_NAME, DOMAIN_VERSION, block.chainid, address(this), 0, new uint256[](0));
    }

    // ---------------------------------------------------------------- operations of the owner

    /// @notice Hands the identity to another owner. The zero address deactivates it: nothing can be written for it ever after.
    function changeOwner(address identity, address newOwner) external {
        _onlyOwner(identity);
        // Signatures that were given before a change of owner and not used are void, even if the same owner returns.
        records[identity].nonce++;
        _changeOwner(identity, newOwner);
    }

    function addDelegate(address identity, bytes32 delegateType, address delegate, uint256 validity) external {
        _onlyOwner(identity);
        _addDelegate(identity, delegateType, delegate, validity);
    }

    function revokeDelegate(address identity, bytes32 delegateType, address delegate) external {
        _onlyOwner(identity);
        _delegate(identity, delegateType, delegate, 0);
    }

    function setAttribute(address identity, bytes32 name, bytes calldata value, uint256 validity) external {
        _onlyOwner(identity);
        _attribute(identity, name, value, _validTo(validity));
    }

    function revokeAttribute(address identity, bytes32 name, bytes calldata value) external {
        _onlyOwner(identity);
        _attribute(identity, name, value, 0);
    }

    // ---------------------------------------------------------------- the same, signed by the owner and sent by anybody

    function changeOwnerSigned(address identity, address newOwner, uint256 deadline, bytes calldata signature)
        external
    {
        bytes32 what =
            keccak256(abi.encode(CHANGE_OWNER, identity, newOwner, records[identity].nonce++, deadline));
        _onlySigned(identity, what, deadline, signature);
        _changeOwner(identity, newOwner);
    }

    function addDelegateSigned(
        address identity,
        bytes32 delegateType,
        address delegate,
        uint256 validity,
        uint256 deadline,
        bytes calldata signature
    ) external {
        bytes32 what = keccak256(
            abi.encode(
                ADD_DELEGATE, identity, delegateType, delegate, validity, records[identity].nonce++, deadline
            )
        );
        _onlySigned(identity, what, deadline, signature);
        _addDelegate(identity, delegateType, delegate, validity);
    }

    function revokeDelegateSigned(
        address identity,
        bytes32 delegateType,
        address delegate,
        uint256 deadline,
        bytes calldata signature
    ) external {
        bytes32 what = keccak256(
            abi.encode(REVOKE_DELEGATE, identity, delegateType, delegate, records[identity].nonce++, deadline)
        );
        _onlySigned(identity, what, deadline, signature);
        _delegate(identity, delegateType, delegate, 0);
    }

    function setAttributeSigned(
        address identity,
        bytes32 name,
        bytes calldata value,
        uint256 validity,
        uint256 deadline,
        bytes calldata signature
    ) external {
        bytes32 what = keccak256(
            abi.encode(
                SET_ATTRIBUTE, identity, name, keccak256(value), validity, records[identity].nonce++, deadline
            )
        );
        _onlySigned(identity, what, deadline, signature);
        _attribute(identity, name, value, _validTo(validity));
    }

    function revokeAttributeSigned(
        address identity,
        bytes32 name,
        bytes calldata value,
        uint256 deadline,
        bytes calldata signature
    ) external {
        bytes32 what = keccak256(
            abi.encode(REVOKE_ATTRIBUTE, identity, name, keccak256(value), records[identity].nonce++, deadline)
        );
        _onlySigned(identity, what, deadline, signature);
        _attribute(identity, name, value, 0);
    }

    // ---------------------------------------------------------------- who may

    function _ownerOf(address identity) private view returns (address owner) {
        // Nobody owns the zero address, but everybody can make a signature check return it.
        require(identity != address(0), "bad_identity");
        owner = identityOwner(identity);
        require(owner != address(0), "deactivated");
    }

    function _onlyOwner(address identity) private view {
        require(msg.sender == _ownerOf(identity), "bad_actor");
    }

    /// The signed text names the chain as it is now (a fork has another id), this contract, and the identity's nonce. The caller has
    /// used the nonce up already: nothing that happens in here can use it a second time. A revert gives it back.
    function _onlySigned(address identity, bytes32 what, uint256 deadline, bytes calldata signature) private view {
        address owner = _ownerOf(identity);
        require(block.timestamp <= deadline, "expired");
        bytes32 domain = keccak256(
            abi.encode(
                DOMAIN_TYPE,
                keccak256(bytes(DOMAIN_NAME)),
                keccak256(bytes(DOMAIN_VERSION)),
                block.chainid,
                address(this)
            )
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domain, what));
        if (_isContract(owner)) {
            require(_agrees(owner, digest, signature), "bad_signature");
            return;
        }
        require(signature.length == 65, "bad_signature");
        bytes32 s = bytes32(signature[32:64]);
        require(uint256(s) <= HALF_ORDER, "bad_signature");
        address signer = ecrecover(digest, uint8(signature[64]), bytes32(signature[:32]), s);
        require(signer != address(0), "bad_signature");
        require(signer == owner, "bad_actor");
    }

    /// An account with a key stays one when it delegates to code (EIP-7702: its code is 0xef0100 and an address, and EIP-3541 keeps
    /// contracts from beginning so). Its key can write directly at any time, so its key signs; code that it borrows is not asked.
    function _isContract(address account) private view returns (bool) {
        uint256 size = account.code.length;
        if (size != 23) return size != 0;
        bytes32 start;
        assembly ("memory-safe") {
            mstore(0, 0)
            extcodecopy(account, 0, 0, 3)
            start := mload(0)
        }
        return bytes3(start) != 0xef0100;
    }

    /// ERC-1271. The contract is asked in a static call, in which neither it nor this registry can change. Of its answer one word is
    /// read, so that a long one costs nothing here.
    function _agrees(address owner, bytes32 digest, bytes calldata signature) private view returns (bool agrees) {
        bytes4 magic = IERC1271.isValidSignature.selector;
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        assembly ("memory-safe") {
            agrees := staticcall(gas(), owner, add(question, 32), mload(question), 0, 32)
            agrees := and(agrees, and(gt(returndatasize(), 31), eq(mload(0), magic)))
        }
    }

    // ---------------------------------------------------------------- what is done; the caller has been checked

    function _changeOwner(address identity, address newOwner) private {
        Record storage r = records[identity];
        uint256 previous = r.changed;
        r.owner = newOwner;
        r.handedOver = true;
        emit DIDOwnerChanged(identity, newOwner, previous);
        _append(r, identity, keccak256(abi.encode(LEAF_VERSION, identity, KIND_OWNER, newOwner, previous)));
    }

    function _addDelegate(address identity, bytes32 delegateType, address delegate, uint256 validity) private {
        require(delegate != address(0), "bad_delegate");
        _delegate(identity, delegateType, delegate, _validTo(validity));
    }

    function _delegate(address identity, bytes32 delegateType, address delegate, uint256 validTo) private {
        Record storage r = records[identity];
        uint256 previous = r.changed;
        delegates[identity][_typeHash(delegateType)][delegate] = validTo;
        emit DIDDelegateChanged(identity, delegateType, delegate, validTo, previous);
        bytes32 leaf =
            keccak256(abi.encode(LEAF_VERSION, identity, KIND_DELEGATE, delegateType, delegate, validTo, previous));
        _append(r, identity, leaf);
    }

    function _attribute(address identity, bytes32 name, bytes calldata value, uint256 validTo) private {
        Record storage r = records[identity];
        uint256 previous = r.changed;
        emit DIDAttributeChanged(identity, name, value, validTo, previous);
        bytes32 leaf =
            keccak256(abi.encode(LEAF_VERSION, identity, KIND_ATTRIBUTE, name, value, validTo, previous));
        _append(r, identity, leaf);
    }

    /// Overflow reverts. A validity of zero is refused: an entry either becomes valid or is revoked, and revoked is validTo = 0.
    function _validTo(uint256 validity) private view returns (uint256) {
        require(validity != 0, "bad_validity");
        return block.timestamp + validity;
    }

    function _append(Record storage r, address identity, bytes32 leaf) private {
        require(block.number <= type(uint48).max);
        history[identity] = keccak256(abi.encode(history[identity], leaf, block.number, block.timestamp));
        r.changed = uint48(block.number);
    }

    function _typeHash(bytes32 delegateType) private pure returns (bytes32) {
        return keccak256(abi.encode(delegateType));
    }
}

/// What a contract that owns an identity implements (ERC-1271).
interface IERC1271 {
    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4 magic);
}
