using System.Diagnostics;
using System.Runtime.InteropServices;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Viewing;

/// <summary>
/// The Aspire dashboard, .NET's own viewer of OpenTelemetry, as its package has it: 125 MB, fetched by the SDK when it is first asked for
/// and kept in the user's data folder. It is no dependency of Livebed.
/// </summary>
internal static class ViewerPackage
{
    private const string Version = "13.6.5";
    private const string Name = "Aspire.Dashboard";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <param name="say">is told what takes its time, a line each</param>
    /// <param name="stop">gives the fetching up</param>
    /// <returns>the program</returns>
    /// <exception cref="UsageException">It cannot be had.</exception>
    public static async Task<string> FindAsync(Action<string> say, CancellationToken stop)
    {
        var package = $"{Name}.Sdk.{Platform()}";
        var root = Path.Combine(
            Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create), "livebed");
        var folder = Path.Combine(root, "packages", package.ToLowerInvariant(), Version);
        var program = Path.Combine(folder, "tools", OperatingSystem.IsWindows() ? Name + ".exe" : Name);

        // NuGet writes this file last, so a package that has it is whole.
        if (!File.Exists(Path.Combine(folder, ".nupkg.metadata")))
        {
            say($"fetching {package} {Version} (125 MB, once) ...");
            await FetchAsync(package, root, stop);
        }

        // Packages do not keep the permission to run.
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(program, File.GetUnixFileMode(program) | UnixFileMode.UserExecute);
        return program;
    }

    /// <summary>Has the SDK restore a project that wants the package and nothing else, from the sources that the user has set.</summary>
    private static async Task FetchAsync(string package, string root, CancellationToken stop)
    {
        var folder = Directory.CreateTempSubdirectory("livebed-viewer-");
        try
        {
            var project = Path.Combine(folder.FullName, "viewer.csproj");
            await File.WriteAllTextAsync(project, $"""
                <Project Sdk="Microsoft.NET.Sdk">
                  <PropertyGroup><TargetFramework>net{Environment.Version.Major}.0</TargetFramework></PropertyGroup>
                  <ItemGroup><PackageDownload Include="{package}" Version="[{Version}]" /></ItemGroup>
                </Project>
                """, stop);
            var start = new ProcessStartInfo("dotnet")
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                WorkingDirectory = Environment.CurrentDirectory,
            };
            foreach (var word in new[] { "restore", project, "--packages", Path.Combine(root, "packages"), "-v", "q", "-nologo" })
                start.ArgumentList.Add(word);
            if (await RunAsync(start, stop) is { } problem)
                throw new UsageException($"{package} {Version}: cannot be fetched ({problem}); allowed: --otlp with a collector's address");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <returns>what went wrong, in a line; null when nothing did</returns>
    private static async Task<string?> RunAsync(ProcessStartInfo start, CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(Patience);
        try
        {
            using var process = Process.Start(start)!;
            await using var end = patience.Token.Register(() => process.Kill(entireProcessTree: true));
            var said = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(stop), process.StandardError.ReadToEndAsync(stop));
            await process.WaitForExitAsync(stop);
            if (process.ExitCode == 0) return null;
            var lines = string.Concat(said).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            return lines.FirstOrDefault(line => line.Contains("error", StringComparison.Ordinal)) ?? $"status {process.ExitCode}";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "there is no dotnet command";
        }
    }

    private static string Platform()
    {
        var system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
        var machine = RuntimeInformation.OSArchitecture switch
        {
            Architecture.X64 => "x64",
            Architecture.Arm64 => "arm64",
            var other => throw new UsageException($"--view: there is no viewer for {other}; allowed: x64 and arm64, or --otlp"),
        };
        return $"{system}-{machine}";
    }
}
