/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_response.c - what a client reads: here behind the key and the version that it had asked for.
 */
#include "protocol/wire/api.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct reader r = reader_of(slice_of(bytes, len));
    int16_t key = reader_i16(&r), version = reader_i16(&r);
    int32_t correlation_id;
    if (api_response_header_decode(&r, key, version, &correlation_id)) {
        return 0;
    }
    const struct api *api = api_find(key);
    if (api) {
        fuzz_message(api->response, version, &r);
    }
    return 0;
}
