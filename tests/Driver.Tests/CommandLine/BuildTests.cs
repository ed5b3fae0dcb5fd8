using System.Text.RegularExpressions;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Explorer.Replays;
using Livebed.Kvm.World;

namespace Livebed.Driver.Tests.CommandLine;

/// <summary>Which build it is, and which model, is said wherever figures are.</summary>
public sealed class BuildTests
{
    [Fact]
    public async Task The_version_has_the_commit_and_a_hash_of_the_model()
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("--version"));
        Assert.Equal(ModelIdentity.Line + "\n", harness.Out);
        Assert.Matches(new Regex(@"\Alivebed \d+\.\d+\.\d+, commit ([0-9a-f]{40}|unknown), model [0-9a-f]{16}\n\z"), harness.Out);
    }

    [Fact]
    public async Task Results_have_the_build()
    {
        using var harness = new CommandHarness();
        await harness.RunCampaignAsync(CommandHarness.SmallCampaign);
        Assert.Equal(new(ModelIdentity.Version, ModelIdentity.Commit, ModelIdentity.Model), harness.Results().Livebed);
    }

    [Fact]
    public async Task A_replay_of_another_model_says_so()
    {
        using var harness = new CommandHarness();
        await harness.RunAsync("explore", "fault-vs-invalidate", "--mutant", "no-retry-check", "--seed", "1", "--replay-file", "r.json");
        var path = harness.Folder.PathOf("r.json");
        var replay = ReplayFile.Read(path);
        Assert.Equal(ReplayBuild.Own, replay.Livebed);
        Assert.DoesNotContain("another model", harness.Out, StringComparison.Ordinal);
        ReplayFile.Write(path, replay with { Livebed = replay.Livebed! with { Model = "0123456789abcdef" } });
        Assert.Equal(ExitCodes.Invalid, await harness.RunAsync("replay", "r.json"));
        Assert.Contains("the replay is of another model: 0123456789abcdef", harness.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Max open files            64                   64                   files     \n", 64)]
    [InlineData("Max processes             1                    2                    processes \nMax open files 1024 4096 files\n", 1024)]
    [InlineData("Max open files            unlimited            unlimited            files     \n", null)]
    [InlineData("", null)]
    public void The_limit_of_open_files_is_read(string limits, int? expected) => Assert.Equal(expected, OpenFileLimit.Parse(limits));

    [Theory]
    [InlineData(3, 256, null)]
    [InlineData(16, 768, null)]
    [InlineData(16, null, null)]
    [InlineData(16, 256, "16 silos in one process need 768 open files, and the process may have 256 (ulimit -n)")]
    public void Many_silos_in_one_process_need_more_open_files(int silos, int? limit, string? problem)
    {
        if (problem is null) Assert.Null(OpenFileLimit.ProblemOf(silos, limit));
        else Assert.StartsWith(problem, OpenFileLimit.ProblemOf(silos, limit), StringComparison.Ordinal);
    }
}
