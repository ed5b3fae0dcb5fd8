using System.Text.Json;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Kvm.Files;

namespace Livebed.Driver.Runs;

/// <summary>What a run left in its folder, read again. Files come from a user, so whatever is wrong is one <see cref="UsageException"/>
/// that says where.</summary>
internal static class StoredResults
{
    /// <summary>A results.json that is longer was not written by a run: its findings and migrations are bounded.</summary>
    private const long ResultsBytesMax = 256L << 20;

    /// <param name="folder">of a run</param>
    /// <param name="given">as it was typed</param>
    public static RunResults Read(string folder, string given)
    {
        if (!Directory.Exists(folder))
            throw new UsageException($"{given}: there is no such folder; allowed: the folder of a run, as `livebed run` makes it");
        return Read(
            Path.Combine(folder, RunFolder.ResultsFile), Path.Combine(given, RunFolder.ResultsFile), ResultsBytesMax,
            bytes => ResultsJson.Read(bytes), "the results.json of a run that came to its end");
    }

    /// <param name="file">charts.json</param>
    /// <param name="label">as errors name it</param>
    public static RunCharts ReadCharts(string file, string label) =>
        Read(file, label, RunCharts.BytesMax, bytes => RunCharts.Read(bytes), "the charts.json of a run, or none");

    private static T Read<T>(string file, string label, long bytesMax, Func<byte[], T> read, string allowed)
    {
        try
        {
            return read(InputFile.Read(file, bytesMax));
        }
        catch (JsonException e)
        {
            var place = e.LineNumber is { } line ? $"{label}:{line + 1}: {e.Path}" : label;
            throw new UsageException(
                $"{place}: is not what a run writes ({OneLine.Of(e.Message)}); allowed: {Path.GetFileName(file)} of this version");
        }
        catch (InputFileException e)
        {
            throw new UsageException($"{label}: {e.Message}; allowed: {allowed}");
        }
    }
}
