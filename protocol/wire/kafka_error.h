/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_error.h - the error codes of the Kafka protocol, as of Apache Kafka 4.3.
 * Codes and names are Kafka's, so is what counts as retriable (the Java client's classes); the
 * texts are ours, one clause each, for operators.
 */
#ifndef LOGBOOM_WIRE_KAFKA_ERROR_H
#define LOGBOOM_WIRE_KAFKA_ERROR_H

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
/* code, name, retriable, text */
#define KAFKA_ERROR_LIST(X)                                                                        \
    X(-1, UNKNOWN_SERVER_ERROR, false,                                                             \
      "the broker failed in a way that it could not name; its log tells more")                     \
    X(0, NONE, false, "no error")                                                                  \
    X(1, OFFSET_OUT_OF_RANGE, false, "the offset lies outside what the partition's log holds")     \
    X(2, CORRUPT_MESSAGE, true,                                                                    \
      "the records are damaged (checksum, size, structure), or lack a key on a compacted topic")   \
    X(3, UNKNOWN_TOPIC_OR_PARTITION, true,                                                         \
      "the broker asked does not have this partition; the topic may not exist")                    \
    X(4, INVALID_FETCH_SIZE, false, "the fetch size asked for cannot be used")                     \
    X(5, LEADER_NOT_AVAILABLE, true,                                                               \
      "the partition has no leader at the moment, an election is under way")                       \
    X(6, NOT_LEADER_OR_FOLLOWER, true,                                                             \
      "the broker asked is not the leader (or not a replica) of the partition")                    \
    X(7, REQUEST_TIMED_OUT, true, "the request did not finish in the time it was given")           \
    X(8, BROKER_NOT_AVAILABLE, false, "the broker cannot be reached")                              \
    X(9, REPLICA_NOT_AVAILABLE, true, "the replica asked for cannot be reached")                   \
    X(10, MESSAGE_TOO_LARGE, false,                                                                \
      "a record batch is larger than the topic's max.message.bytes allows")                        \
    X(11, STALE_CONTROLLER_EPOCH, false, "another controller has taken over")                      \
    X(12, OFFSET_METADATA_TOO_LARGE, false,                                                        \
      "the metadata string that goes with a committed offset is too long")                         \
    X(13, NETWORK_EXCEPTION, true, "the connection closed before an answer came")                  \
    X(14, COORDINATOR_LOAD_IN_PROGRESS, true, "the coordinator is still loading its state")        \
    X(15, COORDINATOR_NOT_AVAILABLE, true,                                                         \
      "there is no coordinator for this group or transaction at the moment")                       \
    X(16, NOT_COORDINATOR, true,                                                                   \
      "the broker asked does not coordinate this group or transaction")                            \
    X(17, INVALID_TOPIC_EXCEPTION, false,                                                          \
      "the topic's name cannot be used, or the topic may not be written to by clients")            \
    X(18, RECORD_LIST_TOO_LARGE, false, "the batch is larger than a whole log segment may be")     \
    X(19, NOT_ENOUGH_REPLICAS, true,                                                               \
      "fewer replicas are in sync than min.insync.replicas asks for; nothing was written")         \
    X(20, NOT_ENOUGH_REPLICAS_AFTER_APPEND, true,                                                  \
      "the records were written, but to fewer replicas than min.insync.replicas asks for")         \
    X(21, INVALID_REQUIRED_ACKS, false, "acks must be -1, 0 or 1")                                 \
    X(22, ILLEGAL_GENERATION, false,                                                               \
      "the member speaks of a generation that the group has left behind")                          \
    X(23, INCONSISTENT_GROUP_PROTOCOL, false,                                                      \
      "the member shares no protocol or assignor with the rest of the group")                      \
    X(24, INVALID_GROUP_ID, false, "the group's name cannot be used")                              \
    X(25, UNKNOWN_MEMBER_ID, false, "the coordinator does not know this member")                   \
    X(26, INVALID_SESSION_TIMEOUT, false, "the session timeout lies outside the broker's limits")  \
    X(27, REBALANCE_IN_PROGRESS, false,                                                            \
      "the group is rebalancing and the member has to join again")                                 \
    X(28, INVALID_COMMIT_OFFSET_SIZE, false, "the offsets to be committed take too many bytes")    \
    X(29, TOPIC_AUTHORIZATION_FAILED, false, "not permitted on this topic")                        \
    X(30, GROUP_AUTHORIZATION_FAILED, false, "not permitted on this group")                        \
    X(31, CLUSTER_AUTHORIZATION_FAILED, false, "not permitted on the cluster")                     \
    X(32, INVALID_TIMESTAMP, false, "a record's timestamp lies outside what the topic accepts")    \
    X(33, UNSUPPORTED_SASL_MECHANISM, false, "the broker does not offer this SASL mechanism")      \
    X(34, ILLEGAL_SASL_STATE, false, "the request does not fit the state of the SASL exchange")    \
    X(35, UNSUPPORTED_VERSION, false, "the broker does not speak this version of the request")     \
    X(36, TOPIC_ALREADY_EXISTS, false, "a topic of this name exists already")                      \
    X(37, INVALID_PARTITIONS, false, "the number of partitions cannot be used")                    \
    X(38, INVALID_REPLICATION_FACTOR, false,                                                       \
      "the replication factor is below 1 or above the number of brokers")                          \
    X(39, INVALID_REPLICA_ASSIGNMENT, false, "the replicas assigned by hand cannot be used")       \
    X(40, INVALID_CONFIG, false, "a setting has a value that cannot be used")                      \
    X(41, NOT_CONTROLLER, true, "the node asked is not the active controller")                     \
    X(42, INVALID_REQUEST, false, "the request makes no sense to the broker; its log tells more")  \
    X(43, UNSUPPORTED_FOR_MESSAGE_FORMAT, false,                                                   \
      "the format of the stored records does not allow this")                                      \
    X(44, POLICY_VIOLATION, false, "a policy of the cluster forbids this")                         \
    X(45, OUT_OF_ORDER_SEQUENCE_NUMBER, false,                                                     \
      "the batch does not follow the producer's last one; a batch before it is missing")           \
    X(46, DUPLICATE_SEQUENCE_NUMBER, false, "the producer has sent this batch before")             \
    X(47, INVALID_PRODUCER_EPOCH, false,                                                           \
      "the producer's epoch is older than the one the broker knows")                               \
    X(48, INVALID_TXN_STATE, false, "the transaction is not in a state that allows this")          \
    X(49, INVALID_PRODUCER_ID_MAPPING, false,                                                      \
      "the transactional id belongs to another producer id")                                       \
    X(50, INVALID_TRANSACTION_TIMEOUT, false,                                                      \
      "the transaction timeout is above the broker's transaction.max.timeout.ms")                  \
    X(51, CONCURRENT_TRANSACTIONS, true,                                                           \
      "another operation on the same transaction has not finished yet")                            \
    X(52, TRANSACTION_COORDINATOR_FENCED, false,                                                   \
      "the transaction coordinator that sent this has been replaced")                              \
    X(53, TRANSACTIONAL_ID_AUTHORIZATION_FAILED, false, "not permitted on this transactional id")  \
    X(54, SECURITY_DISABLED, false, "security features are switched off on this broker")           \
    X(55, OPERATION_NOT_ATTEMPTED, false,                                                          \
      "this part of the request was not tried because another part failed")                        \
    X(56, KAFKA_STORAGE_ERROR, true, "the broker could not read or write its disk")                \
    X(57, LOG_DIR_NOT_FOUND, false, "the broker has no log directory of this name")                \
    X(58, SASL_AUTHENTICATION_FAILED, false, "the SASL log-in was refused")                        \
    X(59, UNKNOWN_PRODUCER_ID, false,                                                              \
      "the broker knows nothing of this producer id; its records may have expired")                \
    X(60, REASSIGNMENT_IN_PROGRESS, false, "the partition is being moved already")                 \
    X(61, DELEGATION_TOKEN_AUTH_DISABLED, false, "delegation tokens are switched off")             \
    X(62, DELEGATION_TOKEN_NOT_FOUND, false, "there is no such delegation token")                  \
    X(63, DELEGATION_TOKEN_OWNER_MISMATCH, false,                                                  \
      "only the token's owner or renewer may do this")                                             \
    X(64, DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, false,                                             \
      "delegation tokens cannot be handled over this kind of connection")                          \
    X(65, DELEGATION_TOKEN_AUTHORIZATION_FAILED, false, "not permitted on this delegation token")  \
    X(66, DELEGATION_TOKEN_EXPIRED, false, "the delegation token has expired")                     \
    X(67, INVALID_PRINCIPAL_TYPE, false, "the kind of principal is not supported")                 \
    X(68, NON_EMPTY_GROUP, false, "the group still has members")                                   \
    X(69, GROUP_ID_NOT_FOUND, false, "there is no such group")                                     \
    X(70, FETCH_SESSION_ID_NOT_FOUND, true,                                                        \
      "the fetch session is not known; a new one has to be opened")                                \
    X(71, INVALID_FETCH_SESSION_EPOCH, true,                                                       \
      "the fetch session's epoch does not follow the last one")                                    \
    X(72, LISTENER_NOT_FOUND, true,                                                                \
      "the leader has no listener of the name that the client used")                               \
    X(73, TOPIC_DELETION_DISABLED, false, "deleting topics is switched off")                       \
    X(74, FENCED_LEADER_EPOCH, true,                                                               \
      "the leader epoch in the request is older than the broker's")                                \
    X(75, UNKNOWN_LEADER_EPOCH, true,                                                              \
      "the leader epoch in the request is newer than the broker's")                                \
    X(76, UNSUPPORTED_COMPRESSION_TYPE, false,                                                     \
      "the client's version cannot carry the partition's compression codec")                       \
    X(77, STALE_BROKER_EPOCH, false, "the broker has been registered anew since")                  \
    X(78, OFFSET_NOT_AVAILABLE, true,                                                              \
      "the new leader does not know yet up to where its log is committed")                         \
    X(79, MEMBER_ID_REQUIRED, false,                                                               \
      "the member has to join again with the id that came with this answer")                       \
    X(80, PREFERRED_LEADER_NOT_AVAILABLE, true, "the preferred leader cannot take over now")       \
    X(81, GROUP_MAX_SIZE_REACHED, false,                                                           \
      "the group has as many members as group.max.size allows")                                    \
    X(82, FENCED_INSTANCE_ID, false, "another member has taken over this group.instance.id")       \
    X(83, ELIGIBLE_LEADERS_NOT_AVAILABLE, true,                                                    \
      "none of the replicas that may lead is available")                                           \
    X(84, ELECTION_NOT_NEEDED, true, "the partition has the leader that was asked for already")    \
    X(85, NO_REASSIGNMENT_IN_PROGRESS, false, "the partition is not being moved")                  \
    X(86, GROUP_SUBSCRIBED_TO_TOPIC, false,                                                        \
      "a member of the group is still subscribed to the topic")                                    \
    X(87, INVALID_RECORD, false, "the broker looked at a record and refused it")                   \
    X(88, UNSTABLE_OFFSET_COMMIT, true, "offsets of an unfinished transaction are pending")        \
    X(89, THROTTLING_QUOTA_EXCEEDED, true, "a quota is used up; try again later")                  \
    X(90, PRODUCER_FENCED, false, "a newer producer has taken over the transactional id")          \
    X(91, RESOURCE_NOT_FOUND, false, "the request names something that does not exist")            \
    X(92, DUPLICATE_RESOURCE, false, "the request names the same thing twice")                     \
    X(93, UNACCEPTABLE_CREDENTIAL, false, "the new credential is too weak or malformed")           \
    X(94, INCONSISTENT_VOTER_SET, false,                                                           \
      "sender and receiver do not agree on who the voters are")                                    \
    X(95, INVALID_UPDATE_VERSION, false, "the version to update to, or from, is wrong")            \
    X(96, FEATURE_UPDATE_FAILED, false, "the features could not be updated")                       \
    X(97, PRINCIPAL_DESERIALIZATION_FAILURE, false,                                                \
      "the principal of a forwarded request could not be read")                                    \
    X(98, SNAPSHOT_NOT_FOUND, false, "there is no such snapshot")                                  \
    X(99, POSITION_OUT_OF_RANGE, false, "the position lies outside the snapshot")                  \
    X(100, UNKNOWN_TOPIC_ID, true,                                                                 \
      "the broker does not know this topic id; the topic may have been made anew")                 \
    X(101, DUPLICATE_BROKER_REGISTRATION, false, "a broker with this id is registered already")    \
    X(102, BROKER_ID_NOT_REGISTERED, false, "the broker id is not registered")                     \
    X(103, INCONSISTENT_TOPIC_ID, true,                                                            \
      "the log belongs to another topic id than the request names")                                \
    X(104, INCONSISTENT_CLUSTER_ID, false, "the request is meant for another cluster")             \
    X(105, TRANSACTIONAL_ID_NOT_FOUND, false, "there is no such transactional id")                 \
    X(106, FETCH_SESSION_TOPIC_ID_ERROR, true,                                                     \
      "the fetch session mixes topic names and topic ids")                                         \
    X(107, INELIGIBLE_REPLICA, false, "a replica that must not be in sync was named so")           \
    X(108, NEW_LEADER_ELECTED, false, "the partition changed, and has another leader now")         \
    X(109, OFFSET_MOVED_TO_TIERED_STORAGE, false, "the offset has moved to tiered storage")        \
    X(110, FENCED_MEMBER_EPOCH, false,                                                             \
      "the group has moved past this member's epoch; it must give up its partitions and rejoin")   \
    X(111, UNRELEASED_INSTANCE_ID, false, "another member still holds this instance id")           \
    X(112, UNSUPPORTED_ASSIGNOR, false, "the group does not know this assignor")                   \
    X(113, STALE_MEMBER_EPOCH, false,                                                              \
      "the member's epoch is behind; try again after the next heartbeat")                          \
    X(114, MISMATCHED_ENDPOINT_TYPE, false,                                                        \
      "the request went to a broker where a controller was meant, or the reverse")                 \
    X(115, UNSUPPORTED_ENDPOINT_TYPE, false, "this kind of endpoint is not supported")             \
    X(116, UNKNOWN_CONTROLLER_ID, false, "there is no controller of this id")                      \
    X(117, UNKNOWN_SUBSCRIPTION_ID, false,                                                         \
      "the telemetry subscription is not known or out of date")                                    \
    X(118, TELEMETRY_TOO_LARGE, false, "the telemetry sent is larger than allowed")                \
    X(119, INVALID_REGISTRATION, false, "the controller refused the broker's registration")        \
    X(120, TRANSACTION_ABORTABLE, false,                                                           \
      "the transaction failed and has to be aborted; the producer may go on after that")           \
    X(121, INVALID_RECORD_STATE, false,                                                            \
      "the record is not in a state that allows the acknowledgement")                              \
    X(122, SHARE_SESSION_NOT_FOUND, true, "the share session is not known")                        \
    X(123, INVALID_SHARE_SESSION_EPOCH, true,                                                      \
      "the share session's epoch does not follow the last one")                                    \
    X(124, FENCED_STATE_EPOCH, false, "the share group's state has moved to another epoch")        \
    X(125, INVALID_VOTER_KEY, false,                                                               \
      "the request names another replica than the one that got it")                                \
    X(126, DUPLICATE_VOTER, false, "the voter is in the set already")                              \
    X(127, VOTER_NOT_FOUND, false, "the voter is not in the set")                                  \
    X(128, INVALID_REGULAR_EXPRESSION, false, "the regular expression cannot be used")             \
    X(129, REBOOTSTRAP_REQUIRED, false,                                                            \
      "the client's view of the cluster is stale; it has to start again from bootstrap.servers")   \
    X(130, STREAMS_INVALID_TOPOLOGY, false, "the topology cannot be used")                         \
    X(131, STREAMS_INVALID_TOPOLOGY_EPOCH, false, "the topology's epoch cannot be used")           \
    X(132, STREAMS_TOPOLOGY_FENCED, false, "a newer topology has taken over")                      \
    X(133, SHARE_SESSION_LIMIT_REACHED, true, "the broker has no room for another share session")
/* clang-format on */

enum kafka_error {
#define KAFKA_ERROR_ENUM(code, name, retriable, text) KAFKA_##name = code,
    KAFKA_ERROR_LIST(KAFKA_ERROR_ENUM)
#undef KAFKA_ERROR_ENUM
};

/* Kafka's name, e.g. "NOT_LEADER_OR_FOLLOWER"; "UNKNOWN_ERROR_CODE" for a code that is not listed.
 */
const char *kafka_error_name(int16_t code);
/* A clause for operators, e.g. "there is no such group". */
const char *kafka_error_text(int16_t code);
/* Whether the same request may succeed later, without a change by the caller. Codes that are not
 * listed are not retriable. */
bool kafka_error_is_retriable(int16_t code);

#endif
