# The functions of libbabeltrace2 as pointers; each extension module has its own. Names and types as in functions.py.
from libc.stdint cimport int64_t

cdef struct _Status:
    int64_t OK, AGAIN, ERROR

cdef struct _MessageType:
    int64_t EVENT, DISCARDED_EVENTS, DISCARDED_PACKETS

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    #define EACH_FUNCTION(X) \
        X(bt_message_iterator_next, int, (int64_t, int64_t, int64_t)) \
        X(bt_message_get_type, int, (int64_t)) \
        X(bt_message_put_ref, void, (int64_t)) \
        X(bt_message_event_borrow_event_const, int64_t, (int64_t)) \
        X(bt_message_event_borrow_default_clock_snapshot_const, int64_t, (int64_t)) \
        X(bt_clock_snapshot_get_ns_from_origin, int, (int64_t, int64_t)) \
        X(bt_event_borrow_class_const, int64_t, (int64_t)) \
        X(bt_event_borrow_payload_field_const, int64_t, (int64_t)) \
        X(bt_event_borrow_common_context_field_const, int64_t, (int64_t)) \
        X(bt_event_borrow_specific_context_field_const, int64_t, (int64_t)) \
        X(bt_field_structure_borrow_member_field_by_index_const, int64_t, (int64_t, int64_t)) \
        X(bt_field_integer_unsigned_get_value, int64_t, (int64_t)) \
        X(bt_field_integer_signed_get_value, int64_t, (int64_t)) \
        X(bt_field_string_get_value, int64_t, (int64_t))

    #define DEFINE_FUNCTION(name, result, arguments) static result (*name) arguments;
    EACH_FUNCTION(DEFINE_FUNCTION)

    static inline int functions_put(const char *wanted, int64_t address)
    {
    #define PUT_FUNCTION(name, result, arguments) \
        if (strcmp(wanted, #name) == 0) { name = (result (*) arguments)(intptr_t)address; return 1; }
        EACH_FUNCTION(PUT_FUNCTION)
        return 0;
    }

    #define functions_strcmp(text, other) strcmp((const char *)(intptr_t)(text), (const char *)(intptr_t)(other))
    #define functions_load(address) (*(const int64_t *)(intptr_t)(address))
    """
    int bt_message_iterator_next(int64_t iterator, int64_t array, int64_t count) noexcept nogil
    int bt_message_get_type(int64_t message) noexcept nogil
    void bt_message_put_ref(int64_t message) noexcept nogil
    int64_t bt_message_event_borrow_event_const(int64_t message) noexcept nogil
    int64_t bt_message_event_borrow_default_clock_snapshot_const(int64_t message) noexcept nogil
    int bt_clock_snapshot_get_ns_from_origin(int64_t clock, int64_t ns) noexcept nogil
    int64_t bt_event_borrow_class_const(int64_t event) noexcept nogil
    int64_t bt_event_borrow_payload_field_const(int64_t event) noexcept nogil
    int64_t bt_event_borrow_common_context_field_const(int64_t event) noexcept nogil
    int64_t bt_event_borrow_specific_context_field_const(int64_t event) noexcept nogil
    int64_t bt_field_structure_borrow_member_field_by_index_const(int64_t structure, int64_t member) noexcept nogil
    int64_t bt_field_integer_unsigned_get_value(int64_t field) noexcept nogil
    int64_t bt_field_integer_signed_get_value(int64_t field) noexcept nogil
    int64_t bt_field_string_get_value(int64_t field) noexcept nogil

    bint put "functions_put" (const char *name, int64_t address) noexcept
    int strcmp "functions_strcmp" (int64_t text, int64_t other) noexcept nogil
    int64_t load "functions_load" (int64_t address) noexcept nogil
