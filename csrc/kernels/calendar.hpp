// calendar: the parts of a time in the proleptic Gregorian calendar.
// Input   microseconds since 1970 as float64, any value.
// Output  the part as a whole float64; NaN outside the years 1 to 9999 and for NaN.
// Error   0: every operation is exact.
// Source  days to civil date: H. Hinnant, chrono-compatible low-level date algorithms (2013); weeks: ISO 8601.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "core/isa.hpp"

namespace mlrt::calendar {

enum class Part : std::uint8_t {
  year,
  quarter,
  month,
  day,
  day_of_week,
  day_of_year,
  week,
  hour,
  minute,
  second,
  minute_of_day,
};

constexpr double kDay = 86400e6;
constexpr double kFirst = -719162 * kDay;  // 0001-01-01
constexpr double kEnd = 2932897 * kDay;    // 10000-01-01

struct Date {
  std::uint32_t year;
  std::uint32_t month;        // 1..12
  std::uint32_t day;          // 1..31
  std::uint32_t day_of_year;  // 1..366
};

// days: since 0000-03-01, so that a leap day ends its year.
MLRT_INLINE Date date_of(std::uint32_t days) {
  const std::uint32_t era = days / 146097;  // of 400 years
  const std::uint32_t day_of_era = days - era * 146097;
  const std::uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);  // 0..365
  const std::uint32_t shifted = (5 * day_of_year + 2) / 153;                                                 // 0: March
  const std::uint32_t is_next = shifted >= 10 ? 1 : 0;  // January and February belong to the next year
  const std::uint32_t year = year_of_era + era * 400 + is_next;
  const std::uint32_t is_leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0)) ? 1 : 0;
  return {year, is_next != 0 ? shifted - 9 : shifted + 3, day_of_year - (153 * shifted + 2) / 5 + 1,
          is_next != 0 ? day_of_year - 305 : day_of_year + 60 + is_leap};
}

template <Part kPart>
MLRT_INLINE std::uint32_t date_part(std::uint32_t days) {
  const std::uint32_t day_of_week = (days + 2) % 7;  // 0000-03-01 was a Wednesday
  if constexpr (kPart == Part::day_of_week) return day_of_week;
  if constexpr (kPart == Part::week) return (date_of(days + 3 - day_of_week).day_of_year + 6) / 7;  // its Thursday's
  const Date date = date_of(days);
  if constexpr (kPart == Part::year) return date.year;
  if constexpr (kPart == Part::quarter) return (date.month + 2) / 3;
  if constexpr (kPart == Part::month) return date.month;
  if constexpr (kPart == Part::day) return date.day;
  return date.day_of_year;
}

template <Part kPart>
MLRT_INLINE double part(double x) {
  const bool is_inside = x >= kFirst && x < kEnd;
  const double time = std::floor(is_inside ? x : 0.0);  // the microsecond that x lies in: from here on all is exact
  // The quotient may round up to the next whole number: then the remainder says so.
  const double guess = std::floor(time / kDay);
  const double day = time - guess * kDay < 0.0 ? guess - 1.0 : guess;
  double result = 0.0;
  if constexpr (kPart < Part::hour) {
    result = static_cast<double>(static_cast<std::int32_t>(
        date_part<kPart>(static_cast<std::uint32_t>(static_cast<std::int32_t>(day) + 719468))));
  } else {
    const auto second = static_cast<std::uint32_t>(static_cast<std::int32_t>((time - day * kDay) / 1e6));
    const std::uint32_t value = kPart == Part::hour            ? second / 3600
                                : kPart == Part::minute        ? second / 60 % 60
                                : kPart == Part::minute_of_day ? second / 60
                                                               : second % 60;
    result = static_cast<double>(static_cast<std::int32_t>(value));
  }
  return is_inside ? result : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace mlrt::calendar
