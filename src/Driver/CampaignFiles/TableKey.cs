using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Livebed.Driver.CampaignFiles;

/// <summary>
/// A key that holds numbers by name: weights of a mix, minima of counters. A table in a file stands alone (names that it leaves out have
/// none); a name set from the command line changes that one of the file's table, or of the default.
/// </summary>
internal sealed class TableKey<T, TValue>(
    string name, IReadOnlyList<string> names, ValueKind<TValue> kind, Func<T, SortedDictionary<string, TValue>> get,
    string summary) : Key<T>(name)
{
    public override void Read(T target, SectionSetting.Entry entry, string path)
    {
        var allowed = string.Join(", ", names);
        if (entry.Value is not SectionSetting section)
            throw entry.Origin.Problem(path, $"is {entry.Value.What}, not a section", $"a section with {allowed}");
        var table = get(target);
        if (!section.Origin.FromCommandLine) table.Clear();
        foreach (var (key, origin, value) in section.Entries)
        {
            var full = $"{path}.{key}";
            if (!names.Contains(key)) throw origin.Problem(full, "unknown key", allowed);
            if (value is not ValueSetting { IsEmpty: false } scalar)
                throw origin.Problem(full, $"is {value.What}, not a value", kind.Allowed);
            if (scalar.Quoted) throw origin.Problem(full, $"\"{scalar.Text}\" is text, not a number", kind.Allowed);
            if (kind.Parse(scalar.Text, out var parsed) is { } problem) throw origin.Problem(full, problem, kind.Allowed);
            table[key] = parsed;
        }
    }

    public override void Write(T source, IEmitter emitter)
    {
        emitter.Emit(new MappingStart());
        foreach (var (key, value) in get(source))
        {
            emitter.Emit(new Scalar(key));
            emitter.Emit(new Scalar(kind.Format(value)));
        }

        emitter.Emit(new MappingEnd());
    }

    public override IEnumerable<KeyDocumentation> Document(string prefix, T defaults)
    {
        var table = get(defaults);
        foreach (var key in names)
            yield return new(
                $"{prefix}{Name}.{key}", table.TryGetValue(key, out var value) ? kind.Format(value) : "0", kind.Unit, kind.Allowed,
                summary);
    }
}
