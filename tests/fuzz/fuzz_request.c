/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_request.c - what a broker reads: a frame without its length, header and body, of any API. */
#include "protocol/wire/api.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct reader r = reader_of(slice_of(bytes, len));
    struct request_header header;
    if (api_request_header_decode(&r, &header)) {
        return 0;
    }
    const struct api *api = api_find(header.request_api_key);
    if (api) {
        fuzz_message(api->request, header.request_api_version, &r);
    }
    return 0;
}
