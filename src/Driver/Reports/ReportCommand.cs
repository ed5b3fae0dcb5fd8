using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Runs;

namespace Livebed.Driver.Reports;

/// <summary>`livebed report`: draws the report of a stored run again, from what its folder holds, and says where it is.</summary>
internal sealed class ReportCommand(CommandEnvironment environment)
{
    public async Task<int> RunAsync(ReportRequest request)
    {
        var folder = Path.GetFullPath(request.Run, environment.Folders.Current);
        var content = await environment.Interrupts.AwaitAsync(() => Read(folder, request));
        var target = request.Out is null
            ? Path.Combine(folder, RunFolder.ReportFile)
            : Path.GetFullPath(request.Out, environment.Folders.Current);
        var page = await DrawAsync(content, request.Run);
        try
        {
            WholeFile.Write(target, page);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException(
                $"{environment.Folders.Label(target)}: cannot be written ({OneLine.Of(e.Message)}); allowed: "
                    + $"--out with a file that can be written");
        }

        await environment.Out.WriteLineAsync(environment.Folders.Label(target));
        await environment.Out.FlushAsync();
        return ExitCodes.Valid;
    }

    /// <summary>The results of a run can be drawn, so figures that cannot be are none of a run.</summary>
    private static async Task<string> DrawAsync(ReportContent content, string given)
    {
        try
        {
            return await HtmlReport.RenderAsync(content);
        }
        catch (Exception e)
        {
            throw new UsageException(
                $"{Path.Combine(given, RunFolder.ResultsFile)}: cannot be drawn ({e.GetType().Name}: {e.Message}); allowed: "
                    + "results.json as a run writes it");
        }
    }

    private static ReportContent Read(string folder, ReportRequest request)
    {
        var given = request.Run;
        var results = StoredResults.Read(folder, given);
        var charts = Path.Combine(folder, RunFolder.ChartsFile);
        var (traces, leftOut) = TraceFigures.Of(folder);
        return new ReportContent(
            results, Path.Exists(charts) ? StoredResults.ReadCharts(charts, Path.Combine(given, RunFolder.ChartsFile)) : null,
            HistoryTail.Of(Path.Combine(folder, RunFolder.HistoryFile)), traces, leftOut, request.Jaeger);
    }
}
