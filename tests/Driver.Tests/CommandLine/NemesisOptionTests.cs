using Livebed.Driver.Campaigns;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Tests.CommandLine;

/// <summary>`--nemesis` and its interval; faults that a run's cluster cannot have are refused before anything starts.</summary>
public sealed class NemesisOptionTests
{
    private const string Packed = "placement: packed\n" + CommandHarness.SmallCampaign;

    [Theory]
    [InlineData("nemesis kill: silos that share one process live and die together; allowed: with --processes", "kill")]
    [InlineData("nemesis pause: silos that share one process live and die together; allowed: with --processes", "pause")]
    [InlineData("nemesis redis: the run has no Redis; allowed: with --processes --redis HOST:PORT", "redis,cut")]
    [InlineData("nemesis redis: the run has no Redis; allowed: with --processes --redis HOST:PORT", "redis", "--processes")]
    [InlineData("--nemesis kil: 'kil' is no fault; allowed: kill,pause,cut,slow,partition,redis,duplicate,late,full, or some of them",
        "kil")]
    [InlineData("--nemesis-interval soon: nemesis.interval: 'soon' is not a duration", "cut", "--nemesis-interval", "soon")]
    [InlineData("nemesis.mix.kill: a VM that is spread over silos has no host to die with; allowed: 0, or placement packed", "kill",
        "--processes", "--placement", "spread")]
    [InlineData("silos: there is one silo, and silo-0 is never killed or stopped (cut); allowed: 2 or more", "cut", "--silos", "1")]
    [InlineData("nemesis.lengths: a fault may last 3 s, and the run 2 s; allowed: faults that are shorter than the run", "cut",
        "--duration", "2s")]
    [InlineData("nemesis.count: the last of 50 faults may end after 498 s, and the run after ", "cut", "--set", "nemesis.count=50")]
    [InlineData("nemesis: the cluster of --connect is not the run's to break; allowed: --processes, or neither", "cut", "--connect",
        "--redis", "127.0.0.1:1")]
    public async Task A_fault_that_the_world_cannot_have_is_one_line_and_64(string error, string kinds, params string[] more)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunCampaignAsync(Packed, ["--nemesis", kinds, .. more]));
        Assert.Contains(error, harness.Error, StringComparison.Ordinal);
        Assert.Single(harness.Error.TrimEnd('\n').Split('\n'));
        Assert.Empty(harness.RunFolders);
    }

    [Fact]
    public async Task The_option_names_all_kinds_whatever_the_file_says_and_has_an_interval_of_its_own()
    {
        Campaign? ran = null;
        using var harness = new CommandHarness(new FakeRunner((campaign, _, _, _) =>
        {
            ran = campaign;
            return Task.FromResult(new Driver.Results.RunOutcome());
        }));
        await harness.RunCampaignAsync("nemesis: { mix: { slow: 3 } }\n" + Packed, "--nemesis", "cut,partition");
        Assert.Equal(["cut", "partition"], ran!.Nemesis.Mix.Where(entry => entry.Value > 0).Select(entry => entry.Key));
        Assert.Equal(TimeSpan.FromSeconds(10), ran.Nemesis.Interval);
        await harness.RunCampaignAsync(Packed, "--nemesis", "cut", "--nemesis-interval", "4s");
        Assert.Equal(TimeSpan.FromSeconds(4), ran.Nemesis.Interval);
    }
}
