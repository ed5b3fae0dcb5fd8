using System.Text.Json;
using Livebed.Driver.Benching;
using Livebed.Driver.Errors;
using Livebed.Driver.Tests.Docs;
using Livebed.Kvm.Migration;

namespace Livebed.Driver.Tests.Benching;

/// <summary>`livebed bench migrate`: medians and goals, the JSON's fields, and refusals. What it measures is DocumentedCommandsTests' to
/// run.</summary>
public sealed class BenchTests
{
    private static readonly BenchRequest _request = new() { Memory = 1 << 20, PageSize = 4096, Channels = 2, Moves = 3, Json = true };

    [Theory]
    [InlineData(3000, 64L << 20, (1L << 21) + 200_000, true, true, true)]
    [InlineData(3010, 64L << 20, 1L << 21, false, true, true)]
    [InlineData(1000, (64L << 20) + 1, 1L << 21, true, false, true)]
    [InlineData(1000, 0, (1L << 21) + 300_000, true, true, false)]
    public void Each_goal_is_held_against_the_median(int moveMilliseconds, long inFlight, long memory, bool ratio, bool buffers, bool peak)
    {
        var result = Result(moveMilliseconds, inFlight, memory);
        Assert.Equal((ratio, buffers, peak), (result.HoldsRatio, result.HoldsInFlight, result.HoldsMemory));
        Assert.Equal(ratio && buffers && peak, result.HoldsAll);
        Assert.Equal(moveMilliseconds / 1e3, result.Ratio, 6);
        Assert.Equal(0.1, result.CheckSeconds, 6);
        Assert.Equal(moveMilliseconds / 1e3 - 0.1, result.RatioWithoutCheck, 6);
    }

    [Fact]
    public void Every_field_of_the_json_is_documented()
    {
        var documented = Documents.InlineCode("docs/bench.md").ToHashSet(StringComparer.Ordinal);
        using var document = JsonDocument.Parse(BenchJson.Write(Result(2000, 1, 1)));
        Assert.Equal([], JsonPaths.Of(document.RootElement).Where(path => !documented.Contains(path)).Distinct());
    }

    [Theory]
    [InlineData("--memory 5: ", "--memory", "5")]
    [InlineData("--memory 1048577B: is no whole number of pages", "--memory", "1048577B")]
    [InlineData("--channels 0: ", "--channels", "0")]
    [InlineData("--page-size 1000: ", "--page-size", "1000")]
    [InlineData("--moves 101: ", "--moves", "101")]
    public async Task What_is_not_allowed_is_said_before_anything_is_started(string message, params string[] options)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(["bench", "migrate", .. options]));
        Assert.StartsWith(message, harness.Error, StringComparison.Ordinal);
        Assert.Equal(harness.Error.Length - 1, harness.Error.IndexOf('\n', StringComparison.Ordinal));
    }

    /// <summary>One raw run is far off, as is one migration: medians do not care.</summary>
    private static BenchResult Result(int moveMilliseconds, long inFlight, long memory) => new(
        _request,
        [Raw(1), Raw(1), Raw(0.9), Raw(5)],
        [
            Move(moveMilliseconds, checkMilliseconds: 100),
            Move(60_000, checkMilliseconds: 59_999),
            Move(moveMilliseconds, checkMilliseconds: 100),
        ],
        inFlight, memory, []);

    private static RawRun Raw(double seconds) => new(TimeSpan.FromSeconds(seconds), TimeSpan.FromSeconds(seconds));

    private static MeasuredMove Move(int milliseconds, int checkMilliseconds) =>
        new(
            new MigrationInfo { TotalMicroseconds = milliseconds * 1000L, CheckMicroseconds = checkMilliseconds * 1000L },
            TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
}
