using System.Diagnostics;

namespace Livebed.Browser;

/// <summary>A run of the built command and its report. A run that was made here is gone when it is disposed of.</summary>
internal sealed class ReportedRun : IDisposable
{
    /// <summary>Has a finding, whose witness the page must show.</summary>
    public bool IsInvalid { get; private init; }

    /// <summary>The run of the README's picture: a memslot update starves.</summary>
    private static readonly string[] Pictured = ["run", "starvation", "--protocol", "active-count", "--seed", "1"];

    private readonly string? _temporary;

    /// <summary>Exit status of a run with a finding.</summary>
    private const int Invalid = 1;

    private ReportedRun(string name, string folder, string? temporary) => (Name, Folder, _temporary) = (name, folder, temporary);

    /// <summary>One that hangs, one with a defect that a check finds, and one in which VMs migrate. A machine may be too slow for that
    /// one to be valid. The second has no warm-up, as a defect that is found in a warm-up's end need not have a figure or an operation
    /// to draw.</summary>
    public static IEnumerable<Func<ReportedRun>> All =>
    [
        () => Make(["run", "nested-ranges", "--protocol", "rwsem", "--seed", "1", .. Jaeger], Invalid),
        () => Make(["run", "smoke", "--mutant", "no-tlb-flush", "--set", "warmup=0s", "--seed", "1", .. Jaeger], Invalid),
        () => Make(["run", "migration-faults", "--seed", "2", "--duration", "6s"], 0, 2),
    ];

    private static string[] Jaeger => ["--jaeger-ui", "http://127.0.0.1:16686"];

    public string Name { get; }
    public string Folder { get; }
    public string Report => Path.Combine(Folder, "report.html");

    public static ReportedRun MakePictured() => Make(Pictured, Invalid);

    public static ReportedRun In(string folder) => new(folder, Path.GetFullPath(folder), temporary: null);

    /// <param name="arguments">of the command</param>
    /// <param name="allowed">its exit status</param>
    public static ReportedRun Make(string[] arguments, params int[] allowed)
    {
        var temporary = Directory.CreateTempSubdirectory("livebed-browser-").FullName;
        var start = new ProcessStartInfo("dotnet") { WorkingDirectory = temporary, RedirectStandardOutput = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "livebed.dll"));
        foreach (var word in arguments) start.ArgumentList.Add(word);
        start.Environment["LIVEBED_COMMAND"] = "./livebed";
        using var command = Process.Start(start)!;
        var said = command.StandardOutput.ReadToEnd();
        command.WaitForExit();
        if (!allowed.Contains(command.ExitCode))
            throw new InvalidOperationException($"livebed {string.Join(' ', arguments)} ended with {command.ExitCode}: {said}");
        return Directory.GetDirectories(Path.Combine(temporary, "runs")) is [var folder]
            ? new(string.Join(' ', arguments), folder, temporary) { IsInvalid = command.ExitCode == Invalid }
            : throw new InvalidOperationException($"livebed {string.Join(' ', arguments)} left no run folder: {said}");
    }

    public void Dispose()
    {
        if (_temporary is not null) Directory.Delete(_temporary, recursive: true);
    }
}
