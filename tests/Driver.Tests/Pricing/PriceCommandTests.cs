using System.Text.Json;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Errors;
using Livebed.Driver.Pricing;
using Livebed.Driver.Reports;
using Livebed.Explorer.Pricing.Scenarios;
using Livebed.Explorer.Scenarios;
using Livebed.Kvm.Vms;

namespace Livebed.Driver.Tests.Pricing;

/// <summary>`livebed price` as its user sees it.</summary>
public sealed class PriceCommandTests
{
    private static readonly string[] _small =
    [
        "price", "spurious-brownout", "--protocols", "unconditional,active-count", "--vcpus", "2,8", "--spurious", "0.5,0.99", "--set",
        "ms=3",
    ];

    [Fact]
    public async Task The_same_command_prints_the_same_bytes_and_says_how_far_conclusions_stand()
    {
        using var first = new CommandHarness();
        using var second = new CommandHarness();
        Assert.Equal(ExitCodes.Valid, await first.RunAsync([.. _small, "--json"]));
        Assert.Equal(ExitCodes.Valid, await second.RunAsync([.. _small, "--json"]));
        Assert.Equal(first.Out, second.Out);
        Assert.Equal(
            await File.ReadAllTextAsync(first.Folder.PathOf("price.html")),
            await File.ReadAllTextAsync(second.Folder.PathOf("price.html")));
        using var json = JsonDocument.Parse(first.Out);
        Assert.Equal(8, json.RootElement.GetProperty("points").GetArrayLength());
        var conclusion = json.RootElement.GetProperty("conclusions")[0];
        Assert.Equal("fault-mean", conclusion.GetProperty("figure").GetString());
        Assert.InRange(
            conclusion.GetProperty("ratio").GetDouble(), conclusion.GetProperty("least").GetDouble(),
            conclusion.GetProperty("most").GetDouble());
    }

    [Theory]
    [InlineData(80)]
    [InlineData(200)]
    public async Task Tables_keep_within_the_columns_and_the_page_refers_to_nothing_outside(int columns)
    {
        using var harness = new CommandHarness(columns: columns);
        Assert.Equal(
            ExitCodes.Valid,
            await harness.RunAsync("price", "uncontended", "--set", "ms=1", "--no-sensitivity", "--quiet", "--out", "p.html"));
        Assert.All(
            harness.Out.Split('\n').Where(line => line.StartsWith('─') || line.StartsWith(" alone", StringComparison.Ordinal)),
            line => Assert.True(line.TrimEnd().Length <= columns, line));
        var page = await File.ReadAllTextAsync(harness.Folder.PathOf("p.html"));
        Assert.Contains("uPlot", page, StringComparison.Ordinal);
        Assert.DoesNotContain("src=", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<link", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_interrupt_leaves_the_places_at_which_every_design_was_played()
    {
        string[] designs = [ProtocolCatalog.Unconditional, ProtocolCatalog.ActiveCount];
        double[] vcpus = [1, 2, 3, 4, 5, 6, 7, 8];
        var request = new PriceRequest
        {
            Scenario = PricedScenarios.Find("spurious-brownout")!,
            Designs = [.. designs.Select(name => new PricedDesign(name, new ScenarioSetup(name)))],
            Vcpus = vcpus,
            Spurious = [0.9],
            Values = new Dictionary<string, double> { [PricedScenario.Milliseconds] = 1 },
            Prices = PriceFile.Read(PriceFile.Usual, new CampaignFolders(AppContext.BaseDirectory, AppContext.BaseDirectory)),
            SpinMmuLock = false,
            HasSensitivity = true,
            Page = "",
            Json = false,
            Quiet = true,
        };
        using var interrupt = new CancellationTokenSource();

        // One more run than there are places: at one of them both designs were played.
        var outcome = PriceOutcome.Of(request, (done, _) => CancelAt(done), interrupt.Token);
        Assert.True(outcome.WasInterrupted);
        Assert.InRange(outcome.Places.Played, 1, vcpus.Length);
        Assert.All(outcome.Points.GroupBy(point => point.Vcpus), place => Assert.Equal(designs, place.Select(point => point.Design)));
        Assert.False(outcome.IsVaried);
        Assert.Contains("\"interrupted\": true", PriceJson.Write(outcome), StringComparison.Ordinal);
        Assert.Contains(
            PriceCommand.InterruptedAfter(outcome),
            await HtmlReport.RenderAsync<PricePage>(nameof(PricePage.Outcome), outcome), StringComparison.Ordinal);

        void CancelAt(int done)
        {
            if (done > vcpus.Length) interrupt.Cancel();
        }
    }

    [Fact]
    public async Task Interrupted_before_anything_was_played_it_says_so_and_writes_no_page()
    {
        using var harness = new CommandHarness();
        harness.Interrupts.Signal();
        while (!harness.Interrupts.Token.IsCancellationRequested) await Task.Yield();
        Assert.Equal(ExitCodes.Interrupted, await harness.RunAsync(_small));
        Assert.Equal("interrupted: nothing is complete\n", harness.Out);
        Assert.False(File.Exists(harness.Folder.PathOf("price.html")));
    }

    [Theory]
    [InlineData("price")]
    [InlineData("price", "nonsense")]
    [InlineData("price", "uncontended", "--vcpus", "8")]
    [InlineData("price", "uncontended", "--set", "pages=0")]
    [InlineData("price", "spurious-brownout", "--vcpus", "257")]
    [InlineData("price", "spurious-brownout", "--vcpus", "1,256", "--set", "faults=1000000", "--set", "ms=10000")]
    [InlineData("price", "spurious-brownout", "--vcpus", "8,8")]
    [InlineData("price", "spurious-brownout", "--spurious", "1.01")]
    [InlineData("price", "spurious-brownout", "--protocols", "nonsense")]
    [InlineData("price", "uncontended", "--prices", "nonsense")]
    [InlineData("price", "uncontended", "--mmu-lock", "mutex")]
    public async Task What_is_not_allowed_is_refused_in_one_line(params string[] words)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(words));
        Assert.Contains("allowed: ", Assert.Single(harness.Error.Trim().Split('\n')), StringComparison.Ordinal);
        Assert.False(File.Exists(harness.Folder.PathOf("price.html")));
    }

    [Fact]
    public void The_docs_have_a_row_for_each_parameter()
    {
        var rows = File.ReadAllLines(Path.Combine(Repository.Root, "docs", "price.md")).Where(line => line.StartsWith('|'))
            .Select(line => line.Split('|')[1]).ToList();
        string[] everywhere = ["cpus", "nodes", "ms", "seed"];
        var parameters = PricedScenarios.All.SelectMany(scenario => scenario.Parameters).Select(parameter => parameter.Name);
        foreach (var name in parameters.Except(everywhere))
            Assert.Contains(rows, row => row.Contains($"`{name}`", StringComparison.Ordinal));
    }
}
