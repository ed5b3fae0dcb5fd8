using System.Diagnostics;

namespace Livebed.Driver.Tests.CommandLine;

/// <summary>
/// The script `livebed` at the root: when it builds, what it starts, and what becomes of a build that fails. A script of the test takes the
/// place of dotnet: it writes down what it is asked for and makes an image of one file.
/// </summary>
public sealed class ScriptTests : IDisposable
{
    private const string Dotnet = """
        #!/bin/sh
        here=$(dirname "$0")
        case $1 in
          publish)
            echo "$*" >>"$here/builds"
            [ -e "$here/broken" ] && { echo "Program.cs(1,1): error CS1002: ; expected"; exit 1; }
            case "$*" in *PublishReadyToRun=true*) [ -e "$here/offline" ] && { echo "error NU1101: no package Crossgen2"; exit 1; } ;; esac
            [ -e "$here/slow" ] && sleep 0.5
            while [ "$1" != -o ]; do shift; done
            mkdir -p "$2" && touch "$2/livebed.dll" ;;
          *) shift; echo "$LIVEBED_COMMAND:$PWD:$*"; [ -z "${DOTNET_GCgen0size-}" ] || echo "gen0size=$DOTNET_GCgen0size" ;;
        esac
        """;

    private readonly TemporaryFolder _folder = new();
    private readonly string _script;

    public ScriptTests()
    {
        _script = _folder.PathOf("livebed");
        foreach (var folder in new[] { "src/Driver/obj", "campaigns", "prices", "tools" })
            Directory.CreateDirectory(_folder.PathOf(folder));
        foreach (var file in new[] { "Directory.Build.props", "Directory.Packages.props", "global.json", "src/Driver/Program.cs" })
            _folder.Write(file, "");
        if (OperatingSystem.IsWindows()) return;
        File.Copy(Path.Combine(Repository.Root, "livebed"), _script);
        File.SetUnixFileMode(_folder.Write("tools/dotnet", Dotnet), UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    [Fact]
    public async Task It_builds_once_and_starts_the_image_where_it_was_called_with_the_arguments_as_they_are()
    {
        if (OperatingSystem.IsWindows()) return;
        var first = await RunAsync("run", "two words");
        Assert.Equal((0, $"{_script}:{_folder.FullPath}:run two words\n", "building livebed ...\n"), first);
        // A build of the other kind leaves its files in src too.
        _folder.Write("src/Driver/obj/made.cs", "");
        Assert.Equal((0, $"{_script}:{_folder.FullPath}:list\n", ""), await RunAsync("list"));
        Assert.Single(Builds);
        Assert.Contains("-p:PublishReadyToRun=true", Builds[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("changed")]
    [InlineData("added")]
    [InlineData("removed")]
    public async Task It_builds_again_when_a_source_is(string how)
    {
        if (OperatingSystem.IsWindows()) return;
        var old = _folder.Write("src/Driver/Old.cs", "");
        await RunAsync();
        if (how == "removed") File.Delete(old);
        else _folder.Write(how == "changed" ? "src/Driver/Old.cs" : "src/Driver/New.cs", "");
        // An added file may be older than the image: one that was moved there.
        if (how == "added") File.SetLastWriteTimeUtc(_folder.PathOf("src/Driver/New.cs"), DateTime.UnixEpoch);
        await RunAsync();
        await RunAsync();
        Assert.Equal(2, Builds.Length);
    }

    [Fact]
    public async Task A_build_that_fails_shows_its_errors_and_ends_with_70_and_the_next_one_tries_again()
    {
        if (OperatingSystem.IsWindows()) return;
        var broken = _folder.Write("tools/broken", "");
        var (exitCode, output, errors) = await RunAsync();
        Assert.Equal((70, ""), (exitCode, output));
        Assert.Contains("Program.cs(1,1): error CS1002: ; expected", errors, StringComparison.Ordinal);
        Assert.Single(Builds);
        File.Delete(broken);
        Assert.Equal(0, (await RunAsync()).ExitCode);
    }

    [Fact]
    public async Task Without_the_compiler_that_compiles_ahead_it_is_a_plain_build_and_says_so_in_one_line()
    {
        if (OperatingSystem.IsWindows()) return;
        _folder.Write("tools/offline", "");
        var (exitCode, _, errors) = await RunAsync();
        Assert.Equal(0, exitCode);
        Assert.Equal(2, errors.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains("Crossgen2", errors, StringComparison.Ordinal);
        Assert.Equal((0, ""), ((await RunAsync()).ExitCode, (await RunAsync()).Errors));
        Assert.Equal(2, Builds.Length);
    }

    [Fact]
    public async Task Two_at_once_build_once()
    {
        if (OperatingSystem.IsWindows()) return;
        _folder.Write("tools/slow", "");
        var both = await Task.WhenAll(RunAsync("list"), RunAsync("list"));
        Assert.All(both, run => Assert.Equal((0, $"{_script}:{_folder.FullPath}:list\n"), (run.ExitCode, run.Out)));
        Assert.Single(Builds);
    }

    [Theory]
    [InlineData("gen0size=1000000", "explore", "swarm")]
    [InlineData("gen0size=1000000", "mutants")]
    [InlineData("gen0size=1000000", "bench", "explorer")]
    [InlineData(null, "bench", "all")]
    [InlineData(null, "run", "explore")]
    public async Task Searches_collect_their_garbage_seldom(string? set, params string[] arguments)
    {
        if (OperatingSystem.IsWindows()) return;
        var (_, output, _) = await RunAsync(arguments);
        Assert.Equal(set, output.Split('\n').SingleOrDefault(line => line.StartsWith("gen0size=", StringComparison.Ordinal)));
    }

    public void Dispose() => _folder.Dispose();

    private string[] Builds => File.ReadAllLines(_folder.PathOf("tools/builds"));

    private async Task<(int ExitCode, string Out, string Errors)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(_script, arguments)
        {
            WorkingDirectory = _folder.FullPath,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = $"{_folder.PathOf("tools")}:{start.Environment["PATH"]}";
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output, await errors);
    }
}
