using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Tests.Prediction;

/// <summary>When rounds are said to gain nothing.</summary>
public sealed class DivergenceTests
{
    [Theory]
    [InlineData(null)]
    [InlineData(null, 100L)]
    [InlineData(null, 100L, 50L)]
    [InlineData(null, 100L, 89L)]
    [InlineData(0, 100L, 90L)]
    [InlineData(0, 100L, 100L, 100L)]
    [InlineData(1, 100L, 40L, 39L, 41L)]

    // A burst is none as long as a later round gets below what the earlier ones left.
    [InlineData(null, 100L, 60L, 200L, 50L)]

    // What shrinks by a tenth a round gains, from three rounds on.
    [InlineData(null, 1000L, 900L, 810L, 729L)]
    public void Rounds_gain_nothing_when_the_later_half_leaves_no_less_than_the_earlier(int? since, params long[] remaining)
    {
        Assert.Equal(since, Divergence.RoundOf(remaining));
        Assert.Equal(since is not null, Divergence.Of(remaining));
    }
}
