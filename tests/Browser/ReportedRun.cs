using System.Diagnostics;

namespace Livebed.Browser;

/// <summary>A run of the built command and its report. A run that was made here is gone when it is disposed of.</summary>
internal sealed class ReportedRun : IDisposable
{
    /// <summary>The run of the README's picture: a memslot update starves.</summary>
    public static readonly string[] Pictured = ["run", "starvation", "--protocol", "active-count", "--seed", "1"];

    private readonly string? _temporary;

    private ReportedRun(string name, string folder, string? temporary) => (Name, Folder, _temporary) = (name, folder, temporary);

    /// <summary>One that hangs, with a witness, and one in which VMs migrate.</summary>
    public static IEnumerable<Func<ReportedRun>> All =>
    [
        () => Make(["run", "nested-ranges", "--protocol", "rwsem", "--seed", "1", "--jaeger-ui", "http://127.0.0.1:16686"]),
        () => Make(["run", "migration-faults", "--seed", "2", "--duration", "6s"]),
    ];

    public string Name { get; }
    public string Folder { get; }
    public string Report => Path.Combine(Folder, "report.html");

    public static ReportedRun In(string folder) => new(folder, Path.GetFullPath(folder), temporary: null);

    public static ReportedRun Make(string[] arguments)
    {
        var temporary = Directory.CreateTempSubdirectory("livebed-browser-").FullName;
        var start = new ProcessStartInfo("dotnet") { WorkingDirectory = temporary, RedirectStandardOutput = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "livebed.dll"));
        foreach (var word in arguments) start.ArgumentList.Add(word);
        start.Environment["LIVEBED_COMMAND"] = "./livebed";
        using var command = Process.Start(start)!;
        var said = command.StandardOutput.ReadToEnd();
        command.WaitForExit();
        return Directory.GetDirectories(Path.Combine(temporary, "runs")) is [var folder]
            ? new(string.Join(' ', arguments), folder, temporary)
            : throw new InvalidOperationException($"livebed {string.Join(' ', arguments)} left no run folder: {said}");
    }

    public void Dispose()
    {
        if (_temporary is not null) Directory.Delete(_temporary, recursive: true);
    }
}
