using Livebed.Driver.Terminal;

namespace Livebed.Driver.Tests.Terminal;

/// <summary>Numbers are short and not wrong.</summary>
public sealed class FiguresTests
{
    [Theory]
    [InlineData(0, "0")]
    [InlineData(999, "999")]
    [InlineData(1_000, "1k")]
    [InlineData(12_345, "12.3k")]
    [InlineData(99_949, "99.9k")]
    [InlineData(99_999, "100k")]
    [InlineData(123_456, "123k")]
    [InlineData(999_999, "1M")]
    [InlineData(1_234_567_890, "1.2G")]
    public void Counts(double value, string expected) => Assert.Equal(expected, Figures.Count(value));

    [Theory]
    [InlineData(0, "0us")]
    [InlineData(850, "850us")]
    [InlineData(1_260, "1.3ms")]
    [InlineData(421.5, "422us")]
    [InlineData(999_999, "1s")]
    [InlineData(34_500_000, "34.5s")]
    public void Times(double microseconds, string expected) => Assert.Equal(expected, Figures.Microseconds(microseconds));

    [Fact]
    public void A_rate_over_no_time_is_0() => Assert.Equal("0/s", Figures.Rate(10, 0, TimeSpan.Zero));

    [Fact]
    public void A_rate_is_what_was_added_by_the_time_it_took() =>
        Assert.Equal("2.5k/s", Figures.Rate(6_000, 1_000, TimeSpan.FromSeconds(2)));
}
