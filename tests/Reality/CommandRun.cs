using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Livebed.Reality;

/// <summary>The built command, run to its end in a folder that is removed afterwards.</summary>
internal static class CommandRun
{
    /// <returns>what it printed as JSON; null where it printed none, and then what it said stands on standard error</returns>
    public static async Task<(int ExitCode, JsonElement? Json)> RunAsync(IEnumerable<string> arguments)
    {
        var words = arguments.ToList();
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "livebed.dll"));
        foreach (var word in words) start.ArgumentList.Add(word);
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        try
        {
            using var document = JsonDocument.Parse(await output);
            return (process.ExitCode, document.RootElement.Clone());
        }
        catch (JsonException)
        {
            await Console.Error.WriteLineAsync($"livebed {string.Join(' ', words)}: {process.ExitCode}\n{await errors}");
            return (process.ExitCode, null);
        }
    }

    /// <summary>The same, of a command that makes run folders, which go.</summary>
    public static async Task<(int ExitCode, JsonElement? Json)> RunWithFoldersAsync(IEnumerable<string> arguments)
    {
        var folder = Directory.CreateTempSubdirectory("livebed-reality-").FullName;
        try
        {
            return await RunAsync([.. arguments, "--out", folder]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Of the machine, over a minute: more than its processors makes times longer.</summary>
    public static string LoadAverage() =>
        File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "?";

    public static string Machine() => string.Create(
        CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} processors, load average {LoadAverage()} when it was over");

    public static void Row(params string[] cells) => Console.WriteLine($"| {string.Join(" | ", cells)} |");

    public static void Head(params string[] columns)
    {
        Row(columns);
        Row([.. columns.Select(_ => "---")]);
    }

    public static double? Number(this JsonElement element, params string[] path)
    {
        foreach (var name in path)
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element)) return null;
        }

        return element.ValueKind == JsonValueKind.Number ? element.GetDouble() : null;
    }

    public static string Time(double? milliseconds) => milliseconds switch
    {
        null => "-",
        >= 1000 and var time => string.Create(CultureInfo.InvariantCulture, $"{time / 1e3:0.##} s"),
        var time => string.Create(CultureInfo.InvariantCulture, $"{time:0.#} ms"),
    };
}
