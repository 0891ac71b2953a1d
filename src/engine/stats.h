/* What is counted, in cpu.stat, and what --stats prints of it. */
#pragma once

#define ENGINE_STATS(X)                                                                            \
    X(UNITS, "units translated")                                                                   \
    X(GUEST_INSNS, "guest instructions translated")                                                \
    X(HOST_BYTES, "host bytes made")                                                               \
    X(TRANSLATE_NS, "nanoseconds translating")                                                     \
    X(ENTERS, "entries into generated code")                                                       \
    X(LOOKUPS, "look-ups by the engine")                                                           \
    X(LINKS, "exits linked")                                                                       \
    X(INVALIDATED, "units invalidated")                                                            \
    X(TAKEN, "units taken from disk")                                                              \
    X(REJECTED, "units on disk made from other bytes")                                             \
    X(DAMAGED, "damaged units on disk")                                                            \
    X(EVICTIONS, "chunks of the code cache evicted")                                               \
    X(CODE_WRITES, "writes into protected code")                                                   \
    X(CHECKED, "units that check their own bytes")                                                 \
    X(STALE, "of these found changed")                                                             \
    X(RETURNED, "units that came back: their code had not changed")                                \
    X(FAULTS, "guest memory faults")                                                               \
    X(SYSCALLS, "system calls")                                                                    \
    X(SAMPLES, "samples of where hot code is")                                                     \
    X(REGIONS, "regions made")                                                                     \
    X(REGION_INSNS, "guest instructions in regions")                                               \
    X(REGION_NS, "nanoseconds of processor time spent on regions")

enum engine_stat {
#define X(name, doc) ENGINE_STAT_##name,
    ENGINE_STATS(X)
#undef X
    ENGINE_STAT_COUNT
};
