using System.Text.Json;
using Livebed.Driver.Benching;
using Livebed.Driver.Errors;
using Livebed.Driver.Tests.Docs;
using Livebed.Driver.Tests.EndToEnd;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Driver.Tests.Benching;

/// <summary>`livebed bench migrate`: refusals, judgement and JSON, and one small migration that is real.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class BenchCommandTests
{
    [Theory]
    [InlineData("--memory 10KiB: ", "--memory", "10KiB")]
    [InlineData("--page-size 1000: ", "--page-size", "1000")]
    [InlineData("--memory 1049600B: is no whole number of pages; allowed: multiples of 4096 bytes", "--memory", "1049600B")]
    [InlineData("--channels 0: ", "--channels", "0")]
    [InlineData("--moves 0: ", "--moves", "0")]
    public async Task What_makes_no_sense_is_refused_before_anything_starts(string problem, params string[] options)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(["bench", "migrate", .. options]));
        Assert.StartsWith(problem, harness.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(300, 64, 2252, true)]
    [InlineData(301, 64, 2252, false)]
    [InlineData(300, 65, 2252, false)]
    [InlineData(300, 64, 2253, false)]
    public void Each_goal_counts(int milliseconds, int inFlight, int memory, bool holds)
    {
        var result = Result([100, 90, 1000], [milliseconds, 9_000, 1], inFlight, memory);
        Assert.Equal(holds, result.HoldsAll);
        Assert.Equal(milliseconds / 100.0, result.Ratio, 6);
    }

    [Fact]
    public async Task A_small_VM_really_moves_and_every_field_of_the_JSON_is_documented()
    {
        using var harness = new CommandHarness();
        var exit = await harness.RunAsync("bench", "migrate", "--memory", "4MiB", "--moves", "2", "--channels", "3", "--json");
        using var document = JsonDocument.Parse(harness.Out);
        var root = document.RootElement;

        // The runtime alone is larger than a tenth of two such copies.
        Assert.Equal(ExitCodes.NotWithinLimits, exit);
        Assert.False(root.GetProperty("holds").GetBoolean());
        Assert.Equal(0, root.GetProperty("violations").GetArrayLength());
        Assert.Equal(3, root.GetProperty("raw").GetProperty("runs").GetArrayLength());
        var moves = root.GetProperty("migration").GetProperty("runs").EnumerateArray().ToList();
        Assert.Equal(2, moves.Count);
        Assert.All(moves, move => Assert.InRange(move.GetProperty("transferred").GetInt64(), 4 << 20, 16 << 20));
        Assert.InRange(root.GetProperty("inFlight").GetProperty("bytes").GetInt64(), 1 << 20, 8 << 20);
        var documented = Documents.InlineCode("docs/bench.md").ToHashSet(StringComparer.Ordinal);
        Assert.Equal([], JsonPaths.Of(root).Where(path => !documented.Contains(path)).Distinct().ToList());
    }

    private static BenchResult Result(int[] raw, int[] moves, int inFlightMebibytes, int memoryMebibytes) => new(
        new BenchRequest { Memory = 1L << 30, PageSize = 4096, Channels = 2, Moves = moves.Length, Json = false },
        [.. raw.Select(time => new RawRun(TimeSpan.FromMilliseconds(time), TimeSpan.Zero))],
        [.. moves.Select(time => new MeasuredMove(new MigrationInfo { TotalMicroseconds = time * 1000L }, TimeSpan.Zero, TimeSpan.Zero))],
        (long)inFlightMebibytes << 20, (long)memoryMebibytes << 20, Array.Empty<Violation>());
}
