// The functions of the language in CUDA C++, whose own are accurate to a few units in the last
// place in either precision. Each stands in a paragraph of its own.

__device__ static bool sf_is_nan(real x) {
    return x != x;
}

__device__ static bool sf_is_finite(real x) {
    return fabs(x) <= REAL_MAX;
}

__device__ static real sf_not(real x) {
    return x == real(0) ? real(1) : real(0);
}

__device__ static real sf_abs(real x) {
    return fabs(x);
}

__device__ static real sf_sign(real x) {
    return x > real(0) ? real(1) : x < real(0) ? real(-1) : x;
}

__device__ static real sf_floor(real x) {
    return floor(x);
}

__device__ static real sf_ceil(real x) {
    return ceil(x);
}

__device__ static real sf_round(real x) {
    return round(x);
}

__device__ static real sf_sqrt(real x) {
    return sqrt(x);
}

__device__ static real sf_cbrt(real x) {
    return cbrt(x);
}

__device__ static real sf_exp(real x) {
    return exp(x);
}

__device__ static real sf_expm1(real x) {
    return expm1(x);
}

__device__ static real sf_ln(real x) {
    return log(x);
}

__device__ static real sf_log2(real x) {
    return log2(x);
}

__device__ static real sf_log10(real x) {
    return log10(x);
}

__device__ static real sf_log1p(real x) {
    return log1p(x);
}

__device__ static real sf_sin(real x) {
    return sin(x);
}

__device__ static real sf_cos(real x) {
    return cos(x);
}

__device__ static real sf_tan(real x) {
    return tan(x);
}

__device__ static real sf_asin(real x) {
    return asin(x);
}

__device__ static real sf_acos(real x) {
    return acos(x);
}

__device__ static real sf_atan(real x) {
    return atan(x);
}

__device__ static real sf_atan2(real y, real x) {
    return atan2(y, x);
}

__device__ static real sf_sinh(real x) {
    return sinh(x);
}

__device__ static real sf_cosh(real x) {
    return cosh(x);
}

__device__ static real sf_tanh(real x) {
    return tanh(x);
}

__device__ static real sf_asinh(real x) {
    return asinh(x);
}

__device__ static real sf_acosh(real x) {
    return acosh(x);
}

__device__ static real sf_atanh(real x) {
    return atanh(x);
}

// Both forms avoid overflow of the exponential.
__device__ static real sf_sigmoid(real x) {
    if (x >= real(0)) return real(1) / (real(1) + exp(-x));
    const real e = exp(x);
    return e / (real(1) + e);
}

__device__ static real sf_softplus(real x) {
    return sf_max(x, real(0)) + log1p(exp(-fabs(x)));
}

__device__ static real sf_relu(real x) {
    return sf_max(x, real(0));
}

// x erfc(-x/sqrt(2))/2; what rounding took from the argument goes back in to first order.
__device__ static real sf_gelu(real x) {
    if (fabs(x) > real(39)) return x > real(0) ? x : real(0);
    const real z = -x * real(0.70710678118654752440);
    const real root_rest = sizeof(real) == 8 ? real(4.833646656726457e-17) : real(-1.2101617e-8);
    const real lost = fma(-x, real(0.70710678118654752440), -z) + x * root_rest;
    return real(0.5) * x * (erfc(z) - real(1.12837916709551257390) * exp(-z * z) * lost);
}

__device__ static real sf_erf(real x) {
    return erf(x);
}

__device__ static real sf_erfc(real x) {
    return erfc(x);
}

__device__ static real sf_gamma(real x) {
    return tgamma(x);
}

__device__ static real sf_lgamma(real x) {
    return lgamma(x);
}

__device__ static real sf_step(real x) {
    return x >= real(0) ? real(1) : real(0);
}

__device__ static real sf_pow(real a, real b) {
    return pow(a, b);
}

__device__ static real sf_min(real a, real b) {
    if (a != a || b != b) return a + b;
    return a < b ? a : b;
}

__device__ static real sf_max(real a, real b) {
    if (a != a || b != b) return a + b;
    return a > b ? a : b;
}

// The controller's logarithm and power, with the series of the solvers on the processor.
// Of what chooses steps, a few units in the last place are enough in single precision; in double
// precision the steps are those of the processor.
__device__ static real control_ratio(real a, real b) {
    if (sizeof(real) == 4) { return __fdividef(a, b); }
    return a / b;
}

__device__ static real control_log2(real x) {
    if (sizeof(real) == 4) { return __log2f(x); }
    int exponent;
    real m = frexp(x, &exponent);
    if (m < real(0.70710678118654752440)) {
        m = m + m;
        exponent = exponent - 1;
    }
    const real r = m - real(1);
    const real r2 = r * r;
    const real first = $log2_0 + $log2_1 * r;
    const real second = $log2_2 + $log2_3 * r;
    const real third = $log2_4 + $log2_5 * r;
    return real(exponent) + r * ((first + second * r2) + third * (r2 * r2));
}

__device__ static real control_exp2(real x) {
    if (sizeof(real) == 4) { return exp2f(x); }
    const real n = rint(x);
    const real y = x - n;
    const real y2 = y * y;
    const real low = $exp2_0 + $exp2_1 * y;
    const real high = $exp2_2 + $exp2_3 * y;
    return ldexp(low + (high + $exp2_4 * y2) * y2, int(n));
}

// The upper half of a product of 32-bit words.
__device__ static word sf_high_product(word a, word b) {
    return word(((unsigned long long)a * b) >> 32);
}

// sqrt(-2 ln(1 - x)) of the first 52 of 64 bits after the point, accurate at both ends.
__device__ static real sf_normal_radius(word high, word low) {
    const real unit = real(2.3283064365386963e-10);
    const real ulp = real(2.220446049250313e-16);
    if (high < 0x80000000u) {
        return sqrt(real(-2) * log1p(-(real(high) * unit + real(low >> 12) * ulp)));
    }
    return sqrt(real(-2) * log(real(~high) * unit + (real((~low) >> 12) + real(1)) * ulp));
}

// The angle to the nearest quarter of a turn.
__device__ static real sf_rest_of_quarters(word high, word low) {
    const int rest = int(high - ((high + 0x20000000u) >> 30 << 30));
    const real unit = real(2.3283064365386963e-10);
    const real ulp = real(2.220446049250313e-16);
    return (real(rest) * unit + real(low >> 12) * ulp) * real(6.283185307179586);
}

__device__ static real sf_cosine_of_turn(word high, word low) {
    const real angle = sf_rest_of_quarters(high, low);
    const word quarter = (high + 0x20000000u) >> 30;
    const real size = (quarter & 1u) != 0u ? sin(angle) : cos(angle);
    return quarter == 1u || quarter == 2u ? -size : size;
}

__device__ static real sf_sine_of_turn(word high, word low) {
    const real angle = sf_rest_of_quarters(high, low);
    const word quarter = (high + 0x20000000u) >> 30;
    const real size = (quarter & 1u) != 0u ? cos(angle) : sin(angle);
    return quarter > 1u ? -size : size;
}
