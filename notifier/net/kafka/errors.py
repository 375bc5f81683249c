"""What can go wrong in aiokafka's hands, in one table. A transaction's error means more: its writer decides."""

import os
import socket
import ssl
from typing import NamedTuple

from aiokafka import errors as kafka

from notifier.errors import BackendError, LeaseLost, Reason, Refused, Unavailable


class Row(NamedTuple):
    """`error`: Refused, somebody must do something; Unavailable, it may come again; LeaseLost, the client is spent."""

    error: type[BackendError]
    reason: Reason
    words: str


_LOGIN = Row(Refused, Reason.UNAUTHORIZED, "the brokers refuse the login: correct the user, the password or the token")
_MECHANISM = Row(
    Refused, Reason.UNAUTHORIZED, "the brokers do not offer this way to log in: correct security.protocol and mechanism"
)
_RIGHTS = Row(Refused, Reason.FORBIDDEN, "the brokers do not allow this user to do that: grant the right")
_CERTIFICATE = Row(Refused, Reason.TLS, "the brokers' certificate is not trusted: correct security.ca_file")
_TLS = Row(Unavailable, Reason.TLS, "no TLS connection to the brokers")
_SETTING = Row(Refused, Reason.REJECTED, "the brokers refuse the request as it is")
_TOO_OLD = Row(Refused, Reason.REJECTED, "the brokers speak another version: Apache Kafka 2.1 or newer is needed")
_TOPIC = Row(Unavailable, Reason.NOT_FOUND, "there is no such topic, or this user may not see it")
_TOO_LARGE = Row(Unavailable, Reason.TOO_LARGE, "the record is larger than the brokers take")
_SPENT = Row(LeaseLost, Reason.CONNECTION, "another has taken over, or the client cannot be used any more")
_BUSY = Row(Unavailable, Reason.SERVER_ERROR, "the brokers cannot do that just now")
_AWAY = Row(Unavailable, Reason.CONNECTION, "the brokers cannot be reached")
_LATE = Row(Unavailable, Reason.TIMEOUT, "the brokers did not answer in time")
_FAULT = Row(Unavailable, Reason.INTERNAL, "aiokafka failed")

# The first row that an exception is an instance of counts.
TABLE: tuple[tuple[tuple[type[BaseException], ...], Row], ...] = (
    (
        (
            kafka.SaslAuthenticationFailed,
            kafka.AuthenticationFailedError,
            kafka.DelegationTokenAuthorizationFailed,
            kafka.DelegationTokenExpired,
            kafka.DelegationTokenNotFound,
            kafka.DelegationTokenOwnerMismatch,
            kafka.InvalidPrincipalType,
        ),
        _LOGIN,
    ),
    (
        (
            kafka.UnsupportedSaslMechanismError,
            kafka.IllegalSaslStateError,
            kafka.AuthenticationMethodNotSupported,
            kafka.DelegationTokenAuthDisabled,
            kafka.DelegationTokenRequestNotAllowed,
            kafka.SecurityDisabled,
        ),
        _MECHANISM,
    ),
    (
        (
            kafka.TopicAuthorizationFailedError,
            kafka.GroupAuthorizationFailedError,
            kafka.ClusterAuthorizationFailedError,
            kafka.TransactionalIdAuthorizationFailed,
        ),
        _RIGHTS,
    ),
    (
        (
            kafka.InvalidTopicError,
            kafka.InvalidPartitionsError,
            kafka.InvalidReplicationFactorError,
            kafka.InvalidReplicationAssignmentError,
            kafka.InvalidConfigurationError,
            kafka.InvalidTransactionTimeout,
            kafka.InvalidSessionTimeoutError,
            kafka.InvalidGroupIdError,
            kafka.InvalidRequiredAcksError,
            kafka.InvalidRequestError,
            kafka.InvalidFetchRequestError,
            kafka.InvalidTimestampError,
            kafka.InvalidCommitOffsetSizeError,
            kafka.InconsistentGroupProtocolError,
            kafka.OffsetMetadataTooLargeError,
            kafka.PolicyViolationError,
            kafka.TopicAlreadyExistsError,
            kafka.NonEmptyGroup,
            kafka.KafkaConfigurationError,
            kafka.UnsupportedCodecError,
        ),
        _SETTING,
    ),
    (
        (
            kafka.UnsupportedVersionError,
            kafka.UnsupportedForMessageFormatError,
            kafka.UnrecognizedBrokerVersion,
            kafka.IncompatibleBrokerVersion,
        ),
        _TOO_OLD,
    ),
    ((kafka.UnknownTopicOrPartitionError, kafka.GroupIdNotFound), _TOPIC),
    ((kafka.MessageSizeTooLargeError, kafka.RecordListTooLargeError, kafka.RecordTooLargeError), _TOO_LARGE),
    (
        (
            kafka.ProducerFenced,
            kafka.ProducerClosed,
            kafka.InvalidProducerEpoch,
            kafka.InvalidProducerIdMapping,
            kafka.InvalidTxnState,
            kafka.OutOfOrderSequenceNumber,
            kafka.DuplicateSequenceNumber,
            kafka.UnknownProducerId,
            kafka.TransactionCoordinatorFenced,
            kafka.ConsumerStoppedError,
            kafka.IllegalOperation,
            kafka.IllegalStateError,
            kafka.IllegalArgumentError,
            AssertionError,  # begin, commit and abort of a producer after a fatal error
        ),
        _SPENT,
    ),
    (
        (
            kafka.LeaderNotAvailableError,
            kafka.NotLeaderForPartitionError,
            kafka.ReplicaNotAvailableError,
            kafka.NotEnoughReplicasError,
            kafka.NotEnoughReplicasAfterAppendError,
            kafka.NotControllerError,
            kafka.StaleControllerEpochError,
            kafka.StaleLeaderEpochCodeError,
            kafka.GroupLoadInProgressError,
            kafka.GroupCoordinatorNotAvailableError,
            kafka.NotCoordinatorForGroupError,
            kafka.RebalanceInProgressError,
            kafka.IllegalGenerationError,
            kafka.UnknownMemberIdError,
            kafka.MemberIdRequired,
            kafka.ConcurrentTransactions,
            kafka.OperationNotAttempted,
            kafka.ReassignmentInProgress,
            kafka.KafkaStorageError,
            kafka.LogDirNotFound,
            kafka.ListenerNotFound,
            kafka.FetchSessionIdNotFound,
            kafka.InvalidFetchSessionEpoch,
            kafka.CorruptRecordException,
            kafka.OffsetOutOfRangeError,
            kafka.NoOffsetForPartitionError,
            kafka.CommitFailedError,
            kafka.QuotaViolationError,
        ),
        _BUSY,
    ),
    ((ssl.SSLCertVerificationError,), _CERTIFICATE),
    ((ssl.SSLError,), _TLS),
    ((kafka.KafkaTimeoutError, kafka.RequestTimedOutError, TimeoutError), _LATE),
    (
        (
            kafka.KafkaConnectionError,
            kafka.KafkaUnavailableError,
            kafka.NoBrokersAvailable,
            kafka.NodeNotReadyError,
            kafka.BrokerNotAvailableError,
            kafka.MetadataEmptyBrokerList,
            kafka.StaleMetadata,
            kafka.CorrelationIdError,
            kafka.TooManyInFlightRequests,
            kafka.Cancelled,
            OSError,
        ),
        _AWAY,
    ),
    ((kafka.KafkaError,), _FAULT),
)

MAPPED = (kafka.KafkaError, kafka.ConsumerStoppedError, kafka.IllegalOperation, AssertionError, OSError)
"""What is caught round a call of a client; `TimeoutError` and `ssl.SSLError` are OSErrors."""


def row(error: BaseException) -> Row:
    """For an exception of one of the MAPPED classes."""
    return next((row for kinds, row in TABLE if isinstance(error, kinds)), _FAULT)


def failure(error: BaseException, doing: str) -> BackendError:
    """'writing to notifier.watches: the brokers cannot be reached (KafkaConnectionError)'. No value of a record."""
    found = row(error)
    return found.error(f"{doing}: {found.words} ({detail(error)})")


def detail(error: BaseException) -> str:
    """The error's name, and what the system says where it tells nothing private."""
    name = type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{name}: {error.verify_message}"
    if isinstance(error, socket.gaierror):
        return "host name not resolved"
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.errno:
        # The text made of several attempts' errors lists their addresses; that of the number does not.
        return os.strerror(error.errno)
    topic = error.args[0] if error.args and isinstance(error, kafka.TopicAuthorizationFailedError) else None
    return f"{name}: {topic}" if topic else name
