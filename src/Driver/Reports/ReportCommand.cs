using System.Text.Json;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Livebed.Kvm.Files;

namespace Livebed.Driver.Reports;

/// <summary>`livebed report`: draws the report of a stored run again, from its results.json, and says where it is.</summary>
internal sealed class ReportCommand(CommandEnvironment environment)
{
    /// <summary>A results.json that is longer was not written by a run: its findings and migrations are bounded.</summary>
    private const long ResultsBytesMax = 256L << 20;

    public async Task<int> RunAsync(ReportRequest request)
    {
        var folder = Path.GetFullPath(request.Run, environment.Folders.Current);
        var results = await environment.Interrupts.AwaitAsync(() => Read(folder, request.Run));
        var target = request.Out is null
            ? Path.Combine(folder, RunFolder.ReportFile)
            : Path.GetFullPath(request.Out, environment.Folders.Current);
        var page = await DrawAsync(results, request.Run);
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
    private static async Task<string> DrawAsync(RunResults results, string given)
    {
        try
        {
            return await HtmlReport.RenderAsync(results);
        }
        catch (Exception e)
        {
            throw new UsageException(
                $"{Path.Combine(given, RunFolder.ResultsFile)}: cannot be drawn ({e.GetType().Name}: {e.Message}); allowed: "
                    + "results.json as a run writes it");
        }
    }

    private static RunResults Read(string folder, string given)
    {
        if (!Directory.Exists(folder))
            throw new UsageException($"{given}: there is no such folder; allowed: the folder of a run, as `livebed run` makes it");
        var label = Path.Combine(given, RunFolder.ResultsFile);
        try
        {
            return ResultsJson.Read(InputFile.Read(Path.Combine(folder, RunFolder.ResultsFile), ResultsBytesMax));
        }
        catch (JsonException e)
        {
            var place = e.LineNumber is { } line ? $"{label}:{line + 1}: {e.Path}" : label;
            throw new UsageException($"{place}: is not what a run writes ({OneLine.Of(e.Message)}); allowed: results.json of this version");
        }
        catch (InputFileException e)
        {
            throw new UsageException($"{label}: {e.Message}; allowed: the results.json of a run that came to its end");
        }
    }
}
