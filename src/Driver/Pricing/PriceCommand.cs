using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Reports;
using Livebed.Driver.Terminal;

namespace Livebed.Driver.Pricing;

/// <summary>`livebed price`: plays a scenario of cost for each design, says what follows, and leaves a page behind.</summary>
internal sealed class PriceCommand(CommandEnvironment environment)
{
    private const int BarColumns = 10;

    public async Task<int> RunAsync(PriceRequest request)
    {
        var outcome = new LiveLine(environment, request.Json || request.Quiet).Show(show => PriceOutcome.Of(
            request,
            (done, all) =>
            {
                environment.Pulse?.Beat();
                lock (request)
                    show?.Invoke(_ => FormattableString.Invariant(
                        $"{request.Scenario.Name}  {ProgressBar.Of((double)done / all, BarColumns)}  {done} of {all} runs"));
            },
            environment.Interrupts.Token));
        if (request.Json) environment.Out.Write(PriceJson.Write(outcome));
        else if (outcome.Points.Count > 0) new PriceReport(new ReportPage(environment)).Write(outcome);
        if (outcome.WasInterrupted && !request.Json) environment.Out.WriteLine(InterruptedAfter(outcome));
        if (outcome.Points.Count > 0)
            await StoreAsync(request, await HtmlReport.RenderAsync<PricePage>(nameof(PricePage.Outcome), outcome));
        environment.Out.Flush();
        if (outcome.Violations.Count > 0) return ExitCodes.Invalid;
        return outcome.WasInterrupted ? ExitCodes.Interrupted : ExitCodes.Valid;
    }

    /// <summary>What is there, in a line.</summary>
    internal static string InterruptedAfter(PriceOutcome outcome)
    {
        var (played, all) = outcome.Places;
        if (played == all) return "interrupted: every place is complete, how far conclusions stand is not";
        return played == 0
            ? "interrupted: nothing is complete"
            : $"interrupted: {played} of {all} places are complete, the rest is left out";
    }

    private async Task StoreAsync(PriceRequest request, string html)
    {
        var label = environment.Folders.Label(request.Page);
        try
        {
            await File.WriteAllTextAsync(request.Page, html);
            if (!request.Json && !request.Quiet) environment.Out.WriteLine($"page: {label}");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            await environment.Error.WriteLineAsync(
                $"{label}: could not be written ({OneLine.Of(exception.Message)}); what is printed stands");
        }
    }
}
