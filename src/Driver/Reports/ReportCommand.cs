using System.Text.Json;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;

namespace Livebed.Driver.Reports;

/// <summary>`livebed report`: draws the report of a stored run again, from its results.json, and says where it is.</summary>
internal sealed class ReportCommand(CommandEnvironment environment)
{
    /// <summary>A results.json that is longer was not written by a run: its findings and migrations are bounded.</summary>
    private const long ResultsBytesMax = 256L << 20;

    public async Task<int> RunAsync(ReportRequest request)
    {
        var folder = Path.GetFullPath(request.Run, environment.Folders.Current);
        var results = Read(folder, request.Run);
        var target = request.Out is null
            ? Path.Combine(folder, RunFolder.ReportFile)
            : Path.GetFullPath(request.Out, environment.Folders.Current);
        var page = await HtmlReport.RenderAsync(results);
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

    private static RunResults Read(string folder, string given)
    {
        if (!Directory.Exists(folder))
            throw new UsageException($"{given}: there is no such folder; allowed: the folder of a run, as `livebed run` makes it");
        var file = new FileInfo(Path.Combine(folder, RunFolder.ResultsFile));
        var label = Path.Combine(given, RunFolder.ResultsFile);
        if (!file.Exists) throw new UsageException($"{label}: there is no such file; allowed: the folder of a run that came to its end");
        if (file.Length > ResultsBytesMax)
            throw new UsageException($"{label}: has {file.Length} bytes; allowed: at most {ResultsBytesMax}");
        try
        {
            return ResultsJson.Read(File.ReadAllText(file.FullName));
        }
        catch (JsonException e)
        {
            var place = e.LineNumber is { } line ? $"{label}:{line + 1}: {e.Path}" : label;
            throw new UsageException($"{place}: is not what a run writes ({OneLine.Of(e.Message)}); allowed: results.json of this version");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{label}: cannot be read ({OneLine.Of(e.Message)}); allowed: a file that can be read");
        }
    }
}
