using Livebed.Driver.Errors;
using Livebed.Explorer.Scenarios;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Vms;

namespace Livebed.Driver.Tests.CommandLine;

/// <summary>Shells ask the command line what may come next, and are told the names that this build knows.</summary>
public sealed class CompletionTests
{
    [Fact]
    public async Task Names_of_everything_that_can_be_named_are_suggested()
    {
        Assert.Equal(ProtocolCatalog.All.Select(entry => entry.Name).Order(), await SuggestedAsync("run --protocol "));
        Assert.Equal(Mutant.All.Select(entry => entry.Name).Order(), await SuggestedAsync("explore --mutant "));
        var after = await SuggestedAsync("explore ");
        Assert.All(ScenarioCatalog.All, scenario => Assert.Contains(scenario.Name, after));
        Assert.Contains("--schedules", after);
        Assert.Contains("smoke", await SuggestedAsync("run "));
        Assert.Contains("bash", await SuggestedAsync("completion "));
        Assert.Contains("scenarios", await SuggestedAsync("list "));
        Assert.Contains("explore", await SuggestedAsync(""));
    }

    [Fact]
    public async Task What_has_begun_is_completed() =>
        Assert.Equal(["slot-storm", "smoke"], await SuggestedAsync("run s", "slot-storm", "smoke", "teardown"));

    [Fact]
    public async Task Each_shell_has_a_script_that_asks()
    {
        foreach (var shell in CompletionCommand.Shells)
        {
            using var harness = new CommandHarness();
            Assert.Equal(ExitCodes.Valid, await harness.RunAsync("completion", shell));
            Assert.Contains("[suggest:", harness.Out, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("[suggest:here]")]
    [InlineData("[suggest:-1]")]
    public async Task A_position_that_is_none_is_refused(string directive)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(directive, "livebed run"));
        Assert.Contains("no position in the line", harness.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("completion: which shell? allowed: bash, zsh, fish")]
    [InlineData("completion csh: there is no script for it; allowed: bash, zsh, fish", "csh")]
    public async Task Another_shell_is_refused(string message, params string[] arguments)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(["completion", .. arguments]));
        Assert.Equal(message, harness.Error.Trim());
    }

    /// <summary>Those of the suggestions that are asked for; all, sorted, where none are named.</summary>
    private static async Task<IReadOnlyList<string>> SuggestedAsync(string typed, params string[] only)
    {
        using var harness = new CommandHarness();
        var line = "livebed " + typed;
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync($"[suggest:{line.Length}]", line));
        Assert.Empty(harness.Error);
        return [.. harness.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(name => only.Length == 0 || only.Contains(name)).Order()];
    }
}
