// Element types, shapes, tensor types and errors.
#include <gtest/gtest.h>

#include "tensor/dtype.h"
#include "tensor/error.h"
#include "tensor/tensor_type.h"

namespace tensile {
namespace {

TEST(DType, SizesNamesAndKinds) {
    struct Expected {
        DType dtype;
        std::size_t size;
        std::string_view name;
        bool floating;
    };
    const Expected all[] = {{DType::kF32, 4, "f32", true},  {DType::kBF16, 2, "bf16", true},
                            {DType::kF64, 8, "f64", true},  {DType::kI32, 4, "i32", false},
                            {DType::kI64, 8, "i64", false}, {DType::kU8, 1, "u8", false}};
    EXPECT_EQ(std::size(all), static_cast<std::size_t>(kDTypeCount));
    for (const Expected& expected : all) {
        EXPECT_EQ(size_of(expected.dtype), expected.size);
        EXPECT_EQ(name_of(expected.dtype), expected.name);
        EXPECT_EQ(is_floating(expected.dtype), expected.floating);
    }
    EXPECT_EQ(dtype_of<double>(), DType::kF64);
    EXPECT_EQ(dtype_of<std::int32_t>(), DType::kI32);
}

TEST(Shape, AScalarHasOneElementAndOneRow) {
    const Shape scalar;
    EXPECT_EQ(scalar.rank(), 0);
    EXPECT_EQ(scalar.elements(), 1);
    EXPECT_EQ(scalar.rows(), 1);
    EXPECT_EQ(scalar.row_width(), 1);
    EXPECT_EQ(scalar.to_string(), "[]");
}

TEST(Shape, BoundedShapesKeepTheirSlot) {
    const Shape shape = Shape::bounded(256, 2, {3, 5});
    EXPECT_TRUE(shape.is_bounded());
    EXPECT_EQ(shape.extent_slot(), 2);
    EXPECT_EQ(shape.rows(), 256);
    EXPECT_EQ(shape.row_width(), 15);
    EXPECT_EQ(shape.back(), 5);
    EXPECT_EQ(shape.elements(), 256 * 15);
    EXPECT_EQ(shape.to_string(), "[256?, 3, 5]");
    const Shape fixed{256, 3, 5};
    EXPECT_FALSE(fixed.is_bounded());
    EXPECT_NE(shape, fixed);
    EXPECT_TRUE(shape.same_dims(fixed));
    EXPECT_FALSE(shape.same_dims(Shape{256, 15}));
}

TEST(Shape, EqualityLooksAtAllDimensions) {
    EXPECT_EQ((Shape{2, 3}), (Shape{2, 3}));
    EXPECT_NE((Shape{2, 3}), (Shape{2, 4}));
    EXPECT_NE((Shape{2, 3}), (Shape{2, 3, 1}));
    EXPECT_NE((Shape::bounded(2, 0)), (Shape::bounded(2, 1)));
}

TEST(Shape, RefusesTooManyAndNegativeDimensions) {
    EXPECT_THROW((Shape{1, 1, 1, 1, 1, 1, 1}), InternalError);
    EXPECT_THROW((Shape{-1}), InternalError);
    Shape full{1, 1, 1, 1, 1, 1};
    EXPECT_THROW(full.append(1), InternalError);
}

TEST(TensorType, CountsBytesAtCapacity) {
    EXPECT_EQ((TensorType{DType::kBF16, Shape::bounded(10, 0, {3})}.bytes()), 60U);
    EXPECT_EQ((TensorType{DType::kI64, {}}.bytes()), 8U);
    EXPECT_EQ((TensorType{DType::kF32, {0, 4}}.bytes()), 0U);
}

TEST(Error, CarriesEveryField) {
    const Error error(sqlstate::kUndefinedColumn, "column \"a\" does not exist", "The query has two columns.",
                      "Name one of them.");
    EXPECT_EQ(error.sqlstate(), "42703");
    EXPECT_STREQ(error.what(), "column \"a\" does not exist");
    EXPECT_EQ(error.detail(), "The query has two columns.");
    EXPECT_EQ(error.hint(), "Name one of them.");
    EXPECT_EQ(InternalError("broken").sqlstate(), "XX000");
}

}  // namespace
}  // namespace tensile
