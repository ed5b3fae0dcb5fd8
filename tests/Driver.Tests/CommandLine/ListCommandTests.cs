using Livebed.Driver.Errors;
using Livebed.Explorer.Scenarios;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Vms;

namespace Livebed.Driver.Tests.CommandLine;

/// <summary>`livebed list` names everything that can be chosen, a line each.</summary>
public sealed class ListCommandTests
{
    [Fact]
    public async Task Protocols_mutants_checks_and_scenarios_have_a_line_each()
    {
        Assert.Equal(ProtocolCatalog.All.Select(entry => entry.Name), await Names("protocols"));
        Assert.Equal(Mutant.All.Select(entry => entry.Name), await Names("mutants"));
        Assert.Equal(InvariantCatalog.All.Keys, await Names("checks"));
        Assert.Equal(ScenarioCatalog.All.Select(scenario => scenario.Name), await Names("scenarios"));
    }

    [Fact]
    public async Task Campaigns_are_listed_with_their_descriptions()
    {
        using var harness = new CommandHarness();
        await harness.RunAsync("list", "campaigns");
        Assert.Contains("99 of 100 ranges hit no memslot", harness.Out, StringComparison.Ordinal);
        Assert.Contains("default", await Names("campaigns"));
    }

    [Fact]
    public async Task List_alone_says_what_can_be_listed() =>
        Assert.Equal(["protocols", "mutants", "checks", "reached", "scenarios", "prices", "campaigns"], await Names());

    [Fact]
    public async Task On_a_terminal_no_line_is_wider_than_it()
    {
        using var harness = new CommandHarness(isTerminal: true, columns: 80);
        await harness.RunAsync("list", "mutants");
        Assert.All(harness.Out.Split('\n'), line => Assert.True(line.Length <= 80, line));
    }

    [Fact]
    public async Task Help_exits_with_0()
    {
        using var harness = new CommandHarness();
        Assert.Equal(0, await harness.RunAsync("run", "--help"));
        Assert.Contains("--placement", harness.Out, StringComparison.Ordinal);
    }

    private static async Task<IEnumerable<string>> Names(params string[] what)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync(["list", .. what]));
        return harness.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')[0]);
    }
}
