using System.CommandLine;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Reports;
using Livebed.Explorer.Pricing;

namespace Livebed.Driver.Pricing;

/// <summary>`livebed museum`: plays every scenario of cost for every design, searches the hazards, and makes the page of both.</summary>
internal sealed class MuseumCommand(CommandEnvironment environment)
{
    public async Task<int> RunAsync(MuseumRequest request)
    {
        MuseumContent content;
        try
        {
            content = await new LiveLine(environment, request.Quiet).ShowAsync(
                begins => Task.Run(() => MuseumContent.Make(request.Prices, begins, environment.Interrupts.Token)));
        }
        catch (OperationCanceledException)
        {
            environment.Out.WriteLine("interrupted: nothing is complete");
            return ExitCodes.Interrupted;
        }

        var page = new ReportPage(environment);
        foreach (var answer in MuseumAnswer.Of(content))
        {
            page.Line(answer.Question);
            page.Line(answer.Answer, 2);
        }

        await StoreAsync(request, await HtmlReport.RenderAsync<MuseumPage>(nameof(MuseumPage.Content), content));
        environment.Out.Flush();
        return content.Costs.Concat(content.Waits.Select(wait => wait.Outcome)).Any(cost => cost.Violations.Count > 0)
            ? ExitCodes.Invalid
            : ExitCodes.Valid;
    }

    private async Task StoreAsync(MuseumRequest request, string html)
    {
        var label = environment.Folders.Label(request.Page);
        try
        {
            await File.WriteAllTextAsync(request.Page, html);
            environment.Out.WriteLine($"page: {label}");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            await environment.Error.WriteLineAsync(
                $"{label}: could not be written ({OneLine.Of(exception.Message)}); what is printed stands");
        }
    }
}

/// <summary>The options of `museum`.</summary>
internal sealed class MuseumOptions
{
    private readonly Option<string?> _prices = new("--prices")
    {
        HelpName = "LIST",
        Description = $"a price list, a file or the name of one [{PriceFile.Usual}]",
    };

    private readonly Option<string?> _out = new("--out") { HelpName = "FILE", Description = "where the page goes [museum.html]" };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "print no progress, only what comes out" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public MuseumOptions() =>
        Command = new Command("museum", "Makes the page of all designs: what each costs, what it can do wrong, what that answers.")
        {
            _prices, _out, _quiet, _verbose,
        };

    public Command Command { get; }

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public MuseumRequest Read(ParseResult parsed, CampaignFolders folders) => new(
        PriceFile.Read(parsed.GetValue(_prices) ?? PriceFile.Usual, folders),
        PriceOptions.PageOf(parsed.GetValue(_out) ?? "museum.html", folders.Current), parsed.GetValue(_quiet));
}

/// <summary>What `museum` was asked for, checked.</summary>
internal sealed record MuseumRequest(PriceList Prices, string Page, bool Quiet);
