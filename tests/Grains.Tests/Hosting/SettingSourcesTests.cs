using System.Collections;
using Livebed.Grains.Hosting;

namespace Livebed.Grains.Tests.Hosting;

/// <summary>Where a setting comes from: the file, then the environment, then the command line.</summary>
public sealed class SettingSourcesTests : IDisposable
{
    private static readonly string[] _options = ["--redis", "--silo-port", "--exit-with-stdin", "--config"];
    private static readonly string[] _flags = ["--exit-with-stdin"];

    private readonly string _file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.json");

    [Fact]
    public void The_command_line_decides_before_the_environment_and_that_before_the_file()
    {
        File.WriteAllText(_file, """{ "redis": "file:1", "silo-port": 11 }""");
        Assert.Equal(
            ["--redis", "file:1", "--silo-port", "11", "--config", _file], Read(["--config", _file], new Hashtable()).Arguments);
        var environment = new Hashtable { ["LIVEBED_REDIS"] = "environment:2", ["LIVEBED_CONFIG"] = _file };
        Assert.Equal(["--redis", "environment:2", "--silo-port", "11"], Read([], environment).Arguments);
        Assert.Equal(["--silo-port", "11", "--redis", "typed:3"], Read(["--redis", "typed:3"], environment).Arguments);
        Assert.Equal(["--silo-port", "11", "--redis=typed:3"], Read(["--redis=typed:3"], environment).Arguments);
    }

    [Fact]
    public void A_flag_is_true_or_false()
    {
        Assert.Equal(["--exit-with-stdin"], Read([], new Hashtable { ["LIVEBED_EXIT_WITH_STDIN"] = "true" }).Arguments);
        Assert.Empty(Read([], new Hashtable { ["LIVEBED_EXIT_WITH_STDIN"] = "false" }).Arguments);
        Assert.Equal(
            "LIVEBED_EXIT_WITH_STDIN: 'maybe' is neither; allowed: true or false",
            Assert.Throws<SettingException>(() => Read([], new Hashtable { ["LIVEBED_EXIT_WITH_STDIN"] = "maybe" })).Message);
    }

    [Fact]
    public void What_is_wrong_is_said_with_the_place_that_it_comes_from()
    {
        File.WriteAllText(_file, """{ "silo-port": 70000 }""");
        var environment = new Hashtable { ["LIVEBED_REDIS"] = "nowhere" };
        var sources = Read(["--config", _file], environment);
        Assert.Equal("--redis nowhere: wrong (from LIVEBED_REDIS)", sources.Explain("--redis nowhere: wrong"));
        Assert.Equal($"--silo-port 70000: wrong (from {_file}: silo-port)", sources.Explain("--silo-port 70000: wrong"));
        Assert.Equal("--config: wrong", sources.Explain("--config: wrong"));
    }

    [Theory]
    [InlineData("""{ "silo-prot": 1 }""", "silo-prot is unknown; allowed: config, exit-with-stdin, join-timeout, redis, silo-port")]
    [InlineData("""{ "redis": { "port": 1 } }""", "redis has no value; allowed: a text, a number, true or false")]
    [InlineData("{ \"redis\": \"a:1\"", "depth to be zero at the end of the JSON payload")]
    [InlineData("""{ "redis": "a:1", "redis": "b:1" }""", "A duplicate key 'redis' was found.")]
    public void A_file_that_is_not_right_is_one_line(string text, string expected)
    {
        File.WriteAllText(_file, text);
        var message = Assert.Throws<SettingException>(() => Read(["--config", _file], new Hashtable())).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.Contains(_file, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void A_file_that_is_named_and_not_there_is_an_error_and_the_usual_one_is_none()
    {
        Assert.Contains(
            "cannot be read", Assert.Throws<SettingException>(() => Read(["--config", _file], new Hashtable())).Message,
            StringComparison.Ordinal);
        Assert.Empty(Read([], new Hashtable()).Arguments);
        File.WriteAllText(_file, """{ "redis": "usual:1", "join-timeout": 5 }""");
        Assert.Equal(["--redis", "usual:1"], Read([], new Hashtable()).Arguments);
    }

    public void Dispose() => File.Delete(_file);

    private SettingSources Read(IReadOnlyList<string> typed, Hashtable environment) =>
        SettingSources.Read(typed, _options, _flags, ["--join-timeout"], environment, _file);
}
