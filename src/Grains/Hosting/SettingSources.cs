using System.Collections;
using Microsoft.Extensions.Configuration;

namespace Livebed.Grains.Hosting;

/// <summary>
/// Settings of a silo or a driver by standard .NET configuration: a file, then the environment, then the command line; the last that has a
/// setting decides. An option <c>--silo-port</c> is the key <c>silo-port</c> of the file and the variable <c>LIVEBED_SILO_PORT</c>. What
/// the command line does not say becomes arguments, so that every value is checked in one place.
/// </summary>
public sealed class SettingSources
{
    /// <summary>Of the variables; the file is <c>LIVEBED_CONFIG</c>.</summary>
    public const string Prefix = "LIVEBED_";

    private readonly Dictionary<string, string> _origins;

    private SettingSources(IReadOnlyList<string> arguments, Dictionary<string, string> origins) =>
        (Arguments, _origins) = (arguments, origins);

    /// <summary>The command line with what the file and the environment add to it, in front of it.</summary>
    public IReadOnlyList<string> Arguments { get; }

    /// <param name="typed">the command line</param>
    /// <param name="options">whose values may come from elsewhere, with their dashes</param>
    /// <param name="flags">those of <paramref name="options"/> that have no value</param>
    /// <param name="foreign">options of the other program, which the same file may have</param>
    /// <param name="environment">the process's variables</param>
    /// <param name="usualFile">read where neither the command line nor the environment names a file; null for none, and nothing when it is
    /// not there</param>
    /// <exception cref="SettingException">The file cannot be read, or has a key that no option stands for.</exception>
    public static SettingSources Read(
        IReadOnlyList<string> typed, IReadOnlyCollection<string> options, IReadOnlyCollection<string> flags,
        IReadOnlyCollection<string> foreign, IDictionary environment, string? usualFile = null)
    {
        ArgumentNullException.ThrowIfNull(typed);
        ArgumentNullException.ThrowIfNull(environment);
        var named = ValueOf(typed, SiloArguments.Config) ?? (string?)environment[VariableOf(SiloArguments.Config)];
        var file = named ?? (usualFile is not null && File.Exists(usualFile) ? usualFile : null);
        var fromFile = file is null ? [] : ReadFile(file, [.. options, .. foreign]);
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(fromFile)
            .AddInMemoryCollection(options.Select(option => KeyValuePair.Create(option, (string?)environment[VariableOf(option)]))
                .Where(entry => entry.Value is not null))
            .Build();
        var arguments = new List<string>();
        var origins = new Dictionary<string, string>();
        foreach (var option in options.Where(option => option != SiloArguments.Config && !IsTyped(typed, option)))
        {
            if (configuration[option] is not { } value) continue;
            var variable = VariableOf(option);
            var origin = environment[variable] is not null ? variable : $"{file}: {option[2..]}";
            if (flags.Contains(option) && !bool.TryParse(value, out _))
                throw new SettingException($"{origin}: '{value}' is neither; allowed: true or false");
            if (flags.Contains(option) && !bool.Parse(value)) continue;
            origins[option] = origin;
            arguments.AddRange(flags.Contains(option) ? [option] : [option, value]);
        }

        return new SettingSources([.. arguments, .. typed], origins);
    }

    /// <summary>The value of an option, wherever it comes from; null where it has none.</summary>
    public string? ValueOf(string option) => ValueOf(Arguments, option);

    /// <summary>A message about an option, with the place that its value came from where that is not the command line.</summary>
    public string Explain(string message)
    {
        ArgumentNullException.ThrowIfNull(message);
        var origin = _origins.Where(entry => message.Contains(entry.Key, StringComparison.Ordinal))
            .OrderByDescending(entry => entry.Key.Length).Select(entry => entry.Value).FirstOrDefault();
        return origin is null ? message : $"{message} (from {origin})";
    }

    public static string VariableOf(string option)
    {
        ArgumentNullException.ThrowIfNull(option);
        return Prefix + option[2..].Replace('-', '_').ToUpperInvariant();
    }

    private static bool IsTyped(IReadOnlyList<string> typed, string option) =>
        typed.Any(word => word == option || word.StartsWith(option + "=", StringComparison.Ordinal)
            || word.StartsWith(option + ":", StringComparison.Ordinal));

    private static string? ValueOf(IReadOnlyList<string> typed, string option)
    {
        for (var i = 0; i < typed.Count; i++)
        {
            if (typed[i] == option) return i + 1 < typed.Count ? typed[i + 1] : null;
            if (typed[i].StartsWith(option + "=", StringComparison.Ordinal)) return typed[i][(option.Length + 1)..];
        }

        return null;
    }

    private static Dictionary<string, string?> ReadFile(string file, IReadOnlyCollection<string> known)
    {
        IConfigurationRoot root;
        try
        {
            root = new ConfigurationBuilder().AddJsonFile(Path.GetFullPath(file), optional: false, reloadOnChange: false).Build();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new SettingException($"{SiloArguments.Config} {file}: cannot be read ({failure.Message}); allowed: a file in JSON");
        }
        catch (InvalidDataException failure)
        {
            throw new SettingException(
                $"{SiloArguments.Config} {file}: {failure.GetBaseException().Message}; allowed: JSON with a key for each option");
        }

        var settings = new Dictionary<string, string?>();
        foreach (var section in root.GetChildren())
        {
            var option = "--" + section.Key;
            if (!known.Contains(option))
                throw new SettingException(
                    $"{file}: {section.Key} is unknown; allowed: "
                        + $"{string.Join(", ", known.Select(name => name[2..]).Order(StringComparer.Ordinal))}");
            settings[option] = section.Value
                ?? throw new SettingException($"{file}: {section.Key} has no value; allowed: a text, a number, true or false");
        }

        return settings;
    }
}

/// <summary>A source of settings cannot be used; the message is one line.</summary>
public sealed class SettingException(string message) : Exception(message);
