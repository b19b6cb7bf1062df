/* The contract between the engine and its CUDA plug-in: one table of C functions.
 *
 * The plug-in (cuda/, tensile-cuda.so) is opened with dlopen by the engine and by nobody else; its only exported symbol
 * is tensile_device_table(). Nothing of C++ crosses: handles are opaque, every struct that either side may extend
 * begins with its size, and a function that can fail returns a code and fills a TensileStatus. No function throws, and
 * none keeps a pointer that it was given beyond its return, except memory of the slab and of the host arena.
 *
 * Threads: functions of different streams may be called at once, those of one stream by one thread at a time.
 * TensileKernel objects are immutable after prepare(); any number of streams may launch them. Order: what is enqueued
 * on one stream runs in that order; between streams only events order. launch(), copy() and fill() return when the work
 * is enqueued, not when it is done.
 *
 * Knows no programs, plans or models: an op comes as its name, types and attributes (graph/op.h).
 */
#ifndef TENSILE_DEVICE_CUDA_PLUGIN_ABI_H
#define TENSILE_DEVICE_CUDA_PLUGIN_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when the meaning of anything below changes. New functions are appended to the table and found by its size. */
#define TENSILE_DEVICE_ABI_VERSION 1u
#define TENSILE_MAX_RANK 6
#define TENSILE_CHOICE_BYTES 128

typedef enum TensileCode {
    TENSILE_OK = 0,
    TENSILE_NO_DRIVER,     /* libcuda is not there, or no device answers */
    TENSILE_OLD_DRIVER,    /* older than the run-time library needs; the message says what is needed */
    TENSILE_NO_DEVICE,     /* no device of that number */
    TENSILE_OUT_OF_MEMORY, /* of the device, or no more host memory can be page-locked */
    TENSILE_UNSUPPORTED,   /* no kernel for that op and those types, or the device is too old for the plug-in */
    TENSILE_INVALID,       /* a mistake of the caller */
    TENSILE_FAULT          /* the device reported an error; with `sticky` its context can only be thrown away */
} TensileCode;

typedef struct TensileStatus {
    uint32_t size;
    int32_t code;   /* TensileCode */
    int32_t sticky; /* 1: every further call will fail; the process must end to use the device again */
    char message[256];
} TensileStatus;

typedef struct TensileDevice TensileDevice;
typedef struct TensileStream TensileStream;
typedef struct TensileEvent TensileEvent;
typedef struct TensileKernel TensileKernel;
typedef struct TensileGraph TensileGraph;

/* Values are those of tensile::DType (tensor/dtype.h). */
typedef int32_t TensileDType;

typedef struct TensileDeviceProperties {
    uint32_t size;
    char name[128];           /* "NVIDIA H100 80GB HBM3" */
    char architecture[16];    /* "sm_90" */
    char kernel_library[128]; /* versions that results depend on: "cuBLASLt 13.0.2, cuDNN 9.13.0" */
    char driver[64];          /* "driver 580.65, CUDA 13.0" */
    uint64_t memory_bytes;
    uint64_t free_bytes; /* with everything loaded that the plug-in will ever load */
    int32_t multiprocessors;
    int32_t copy_engines;
} TensileDeviceProperties;

typedef enum TensileStreamClass { TENSILE_COMPUTE = 0, TENSILE_COPY_IN = 1, TENSILE_COPY_OUT = 2 } TensileStreamClass;

typedef struct TensileTensorType {
    TensileDType dtype;
    int32_t rank;
    int64_t dims[TENSILE_MAX_RANK];
    int32_t extent_slot; /* of the leading dimension; -1: static (tensor/shape.h) */
} TensileTensorType;

typedef enum TensileAttributeKind {
    TENSILE_INTEGER = 0,
    TENSILE_NUMBER = 1,
    TENSILE_INTEGERS = 2
} TensileAttributeKind;

typedef struct TensileAttribute {
    const char* name;
    int32_t kind; /* TensileAttributeKind */
    int64_t integer;
    double number;
    const int64_t* integers;
    size_t integer_count;
} TensileAttribute;

typedef enum TensilePrecision {
    TENSILE_FLOAT32 = 0, /* products and sums in float32; TensorFloat-32 is never used */
    TENSILE_BFLOAT16 = 1 /* operands of matrix products and convolutions are rounded to bf16, sums are float32 */
} TensilePrecision;

/* One op of a program. The order of inputs, outputs and attributes is that of graph/op.h. */
typedef struct TensileOpProblem {
    uint32_t size;
    const char* name;
    const TensileTensorType* inputs;
    size_t input_count;
    const TensileTensorType* outputs;
    size_t output_count;
    const TensileAttribute* attributes;
    size_t attribute_count;
    int32_t precision;     /* TensilePrecision */
    int32_t deterministic; /* 1: the same inputs give the same bits in every launch */
    /* Of an earlier prepare() of the same problem on the same device and libraries: the algorithm to use again. */
    const uint8_t* choice;
    size_t choice_bytes;
    /* 1: a row of the outputs gets the same bits whatever the number of rows is, by capacity or by extent. So the
     * algorithm may depend on everything but the leading dimension of what is read row by row, and sums are not split.
     * Of batched_matmul the groups are the rows. What cannot keep it is TENSILE_UNSUPPORTED. Operands lie at whole
     * tensors, not at slices. */
    int32_t row_invariant;
} TensileOpProblem;

typedef struct TensileKernelInfo {
    uint32_t size;
    uint64_t scratch_bytes; /* exact; 0: none. Scratch is 256-byte aligned */
    /* Bit i: output 0 may lie in the buffer of input i. */
    uint64_t overwritable_inputs;
    /* The algorithm, to be handed to prepare() again; choice_bytes 0: there is only one. */
    uint8_t choice[TENSILE_CHOICE_BYTES];
    size_t choice_bytes;
} TensileKernelInfo;

typedef struct TensileDeviceTable {
    uint32_t size;
    uint32_t version;

    /* Number of devices; 0 with a failure. */
    int32_t (*device_count)(int32_t* count, TensileStatus* status);
    /* Makes the context and loads every module and library, so that no memory is taken behind the caller's back later.
     */
    int32_t (*open)(int32_t ordinal, TensileDevice** device, TensileStatus* status);
    /* Everything made from the device is gone before. */
    void (*close)(TensileDevice* device);
    int32_t (*properties)(TensileDevice* device, TensileDeviceProperties* properties, TensileStatus* status);

    /* Device memory, 2 MiB aligned. */
    int32_t (*slab_allocate)(TensileDevice* device, uint64_t bytes, void** address, TensileStatus* status);
    void (*slab_free)(TensileDevice* device, void* address);
    /* Page-locked host memory, 4096-byte aligned, which copies can use without a detour. */
    int32_t (*host_allocate)(TensileDevice* device, uint64_t bytes, void** address, TensileStatus* status);
    void (*host_free)(TensileDevice* device, void* address);
    /* Page-locks memory that is there already. */
    int32_t (*host_register)(TensileDevice* device, void* address, uint64_t bytes, TensileStatus* status);
    void (*host_unregister)(TensileDevice* device, void* address);

    /* priority 0: training, 1: prediction, which overtakes. */
    int32_t (*stream_create)(TensileDevice* device, int32_t stream_class, int32_t priority, TensileStream** stream,
                             TensileStatus* status);
    void (*stream_destroy)(TensileStream* stream);
    int32_t (*stream_synchronize)(TensileStream* stream, TensileStatus* status);
    /* What is enqueued from now on waits for the event as last recorded. */
    int32_t (*stream_wait_event)(TensileStream* stream, TensileEvent* event, TensileStatus* status);

    int32_t (*event_create)(TensileDevice* device, TensileEvent** event, TensileStatus* status);
    void (*event_destroy)(TensileEvent* event);
    int32_t (*event_record)(TensileEvent* event, TensileStream* stream, TensileStatus* status);
    /* *complete 1: all that was enqueued before the last record is done (or it was never recorded). */
    int32_t (*event_query)(TensileEvent* event, int32_t* complete, TensileStatus* status);
    int32_t (*event_synchronize)(TensileEvent* event, TensileStatus* status);
    /* Between two complete events. */
    int32_t (*event_elapsed)(TensileEvent* begin, TensileEvent* end, double* seconds, TensileStatus* status);

    /* Between any two of device memory, host arena and other host memory (the last not asynchronously). */
    int32_t (*copy)(TensileStream* stream, void* to, const void* from, uint64_t bytes, TensileStatus* status);
    int32_t (*fill)(TensileStream* stream, void* to, int32_t byte, uint64_t bytes, TensileStatus* status);

    /* 1: prepare() knows the op for values of that floating type. */
    int32_t (*supports)(TensileDevice* device, const char* op, TensileDType dtype);
    int32_t (*prepare)(TensileDevice* device, const TensileOpProblem* problem, TensileKernel** kernel,
                       TensileKernelInfo* info, TensileStatus* status);
    void (*kernel_release)(TensileKernel* kernel);
    /* inputs[i], outputs[i]: device addresses, 64-byte aligned or at an offset that the op's slices give; an aliased
     * output has its input's address. extents: by extent slot of the program, host memory, read before the return. */
    int32_t (*launch)(TensileStream* stream, TensileKernel* kernel, const void* const* inputs, void* const* outputs,
                      void* scratch, const int64_t* extents, TensileStatus* status);

    /* What is enqueued on the stream between begin and end is not run but recorded as a graph, ready to launch. After a
     * failure in between, graph_end returns that failure and no graph. */
    int32_t (*graph_begin)(TensileStream* stream, TensileStatus* status);
    int32_t (*graph_end)(TensileStream* stream, TensileGraph** graph, TensileStatus* status);
    int32_t (*graph_launch)(TensileGraph* graph, TensileStream* stream, TensileStatus* status);
    /* A graph that is running goes on to its end. */
    void (*graph_destroy)(TensileGraph* graph);
} TensileDeviceTable;

/* The plug-in's table, for as long as the process lives; null when it does not speak that version. */
typedef const TensileDeviceTable* (*TensileDeviceTableFunction)(uint32_t version);
#define TENSILE_DEVICE_TABLE_SYMBOL "tensile_device_table"

#ifdef __cplusplus
}
#endif

#endif
