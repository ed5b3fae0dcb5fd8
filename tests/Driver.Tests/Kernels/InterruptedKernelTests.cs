using System.Text.Json;
using Livebed.Driver.Errors;
using Livebed.Driver.Kernels;
using Livebed.Linux.Kvm;

namespace Livebed.Driver.Tests.Kernels;

/// <summary>What ends early tells what it has: counts so far, and the verdict on them.</summary>
public sealed class InterruptedKernelTests
{
    private static readonly RaceRequest _request = new(TimeSpan.FromSeconds(60), 2, 1, Json: false)
    {
        Logs = [Kvm.Memslots.DirtyLogMode.Bitmap],
    };

    [Fact]
    public void An_interrupted_series_prints_counts_and_verdict_and_begins_no_other_race()
    {
        using var harness = new CommandHarness();
        var races = new PlannedRaces((_, race) => Interrupt(harness, race == 2));
        Assert.Equal(ExitCodes.Interrupted, harness.Race(_request, races));
        Assert.Equal(2, races.Begun.Count);
        Assert.Equal(["1k", "2k"], Rows(harness.Out).Select(row => row[2]));
        Assert.Contains("no write was lost, and none went elsewhere", harness.Out, StringComparison.Ordinal);
        Assert.EndsWith("interrupted: this is what there is\n", harness.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_write_that_was_lost_before_the_interrupt_is_told()
    {
        using var harness = new CommandHarness();
        var races = new PlannedRaces((counts, race) =>
        {
            counts.Lost = 1;
            Interrupt(harness, race == 1);
        });
        Assert.Equal(ExitCodes.Interrupted, harness.Race(_request, races));
        Assert.Contains("in 1 races a write was lost or went elsewhere", harness.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_of_an_interrupted_series_says_so()
    {
        using var harness = new CommandHarness();
        var races = new PlannedRaces((_, race) => Interrupt(harness, race == 1));
        Assert.Equal(ExitCodes.Interrupted, harness.Race(_request with { Json = true }, races));
        using var json = JsonDocument.Parse(harness.Out);
        Assert.True(json.RootElement.GetProperty("interrupted").GetBoolean());
        var race = Assert.Single(json.RootElement.GetProperty("races").EnumerateArray());
        Assert.Equal(1_000, race.GetProperty("writes").GetInt64());
    }

    [Fact]
    public async Task Scripts_that_are_interrupted_say_so()
    {
        using var harness = new CommandHarness();
        harness.Interrupts.Signal();
        Assert.Equal(ExitCodes.Interrupted, await harness.RunAsync("kernel", "--model", "--mutant", "move-drops-bitmap"));
        Assert.EndsWith("interrupted: this is what there is\n", harness.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, ExitCodes.Unknown)]
    [InlineData(1, ExitCodes.Invalid)]
    public void A_race_that_KVM_refuses_does_not_hide_those_before_it(int lost, int status)
    {
        using var harness = new CommandHarness();
        var races = new PlannedRaces((counts, race) =>
        {
            counts.Lost = lost;
            if (race == 3) throw new KvmException("a call of the race fails with error 12");
        });
        Assert.Equal(status, harness.Race(_request, races));
        Assert.Equal(2, Rows(harness.Out).Count);
        Assert.Equal("a call of the race fails with error 12\n", harness.Error);
    }

    [Fact]
    public void A_series_whose_first_race_KVM_refuses_says_so_alone()
    {
        using var harness = new CommandHarness();
        var races = new PlannedRaces((_, _) => throw new KvmException("a call of the race fails with error 12"));
        Assert.Throws<UndecidedException>(() => harness.Race(_request, races));
        Assert.Equal("", harness.Out);
    }

    private static void Interrupt(CommandHarness harness, bool isTime)
    {
        if (!isTime) return;
        harness.Interrupts.Signal();
        Assert.True(harness.Interrupts.Token.WaitHandle.WaitOne(TimeSpan.FromSeconds(60)));
    }

    private static List<string[]> Rows(string output) =>
        [.. output.Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(row => row is ["bitmap", ..])];

    /// <summary>Each race has a thousand writes more than the one before it.</summary>
    private sealed class PlannedRaces(Action<KvmRaceCounts, int> then) : IRaces
    {
        public List<KvmRaceOptions> Begun { get; } = [];

        public bool IsMergingOn => false;

        public bool HasPfnCache => true;

        public KvmRaceCounts Race(KvmRaceOptions options, CancellationToken stop)
        {
            Begun.Add(options);
            var counts = new KvmRaceCounts { Writes = 1_000 * Begun.Count, Rounds = 10 };
            then(counts, Begun.Count);
            return counts;
        }

        public KvmPfnCacheCounts RacePfnCache(TimeSpan time, CancellationToken stop) => throw new KvmException("no such race");
    }
}
