using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Livebed.Driver.CampaignKeys;

/// <summary>One key of a section of the campaign file: how it is read, checked, written back and documented.</summary>
internal abstract class Key<T>(string name)
{
    public string Name { get; } = name;

    /// <summary>Whether the key means anything for this target (trace and synthetic guests have different keys), and why not.</summary>
    public (Func<T, bool> Holds, string Else)? Condition { get; init; }

    /// <summary>Reads a setting into the target; <paramref name="path"/> is the key's full path, for errors.</summary>
    public abstract void Read(T target, SectionSetting.Entry entry, string path);

    /// <summary>False when there is nothing to write.</summary>
    public virtual bool IsWritten(T source) => Condition?.Holds(source) ?? true;

    /// <summary>Emits the value; the name has been.</summary>
    public abstract void Write(T source, IEmitter emitter);

    public abstract IEnumerable<KeyDocumentation> Document(string prefix, T defaults);
}

/// <summary>One key as docs/campaigns.md has it: path ("vms[].vcpus"), default, unit, what is allowed, and what it means.</summary>
internal sealed record KeyDocumentation(string Path, string Default, string Unit, string Allowed, string Summary);

/// <summary>A key that holds a list of sections, with at least one item and at most <paramref name="max"/>.</summary>
internal sealed class ListKey<T, TItem>(string name, Section<TItem> section, Func<T, List<TItem>> get, int max, string what) : Key<T>(name)
{
    public override void Read(T target, SectionSetting.Entry entry, string path)
    {
        var allowed = $"a list of 1 to {max} {what}";
        if (entry.Value is not ListSetting list) throw entry.Origin.Problem(path, $"is {entry.Value.What}, not a list", allowed);
        if (list.Items.Count == 0 || list.Items.Count > max) throw entry.Origin.Problem(path, $"has {list.Items.Count} items", allowed);
        var items = get(target);
        for (var i = 0; i < list.Items.Count; i++)
        {
            var item = section.Create();
            section.Read(item, list.Items[i], $"{path}.{i}");
            items.Add(item);
        }
    }

    public override void Write(T source, IEmitter emitter)
    {
        emitter.Emit(new SequenceStart(AnchorName.Empty, TagName.Empty, isImplicit: true, SequenceStyle.Block));
        foreach (var item in get(source)) section.Write(item, emitter);
        emitter.Emit(new SequenceEnd());
    }

    public override IEnumerable<KeyDocumentation> Document(string prefix, T defaults) => section.Document($"{prefix}{Name}[].");
}

/// <summary>A key that holds a section of its own.</summary>
internal sealed class SectionKey<T, TSection>(string name, Section<TSection> section, Func<T, TSection> get) : Key<T>(name)
{
    public override void Read(T target, SectionSetting.Entry entry, string path) => section.Read(get(target), entry.Value, path);

    public override void Write(T source, IEmitter emitter) => section.Write(get(source), emitter);

    public override IEnumerable<KeyDocumentation> Document(string prefix, T defaults) => section.Document($"{prefix}{Name}.");
}

/// <summary>A key that holds one value.</summary>
internal sealed class ValueKey<T, TValue>(string name, ValueKind<TValue> kind, Func<T, TValue> get, Action<T, TValue> set, string summary)
    : Key<T>(name)
{
    /// <summary>What docs/campaigns.md says when the default is no fixed value.</summary>
    public string? DefaultText { get; init; }

    /// <summary>What docs/campaigns.md says when what is allowed is a long list; errors give the list.</summary>
    public string? AllowedText { get; init; }

    /// <summary>A value that means "not given" is not written.</summary>
    public Func<T, bool>? IsAbsent { get; init; }

    public override void Read(T target, SectionSetting.Entry entry, string path)
    {
        if (entry.Value is not ValueSetting value || value.IsEmpty)
            throw entry.Origin.Problem(path, $"is {entry.Value.What}, not a value", kind.Allowed);
        if (value.Quoted && !kind.Quotable) throw entry.Origin.Problem(path, $"\"{value.Text}\" is text", kind.Allowed);
        if (kind.Parse(value.Text, out var parsed) is { } problem) throw entry.Origin.Problem(path, problem, kind.Allowed);
        set(target, parsed);
    }

    public override bool IsWritten(T source) => base.IsWritten(source) && IsAbsent?.Invoke(source) is not true;

    public override void Write(T source, IEmitter emitter)
    {
        var text = kind.Format(get(source));
        // A text that looks like something else stays a text.
        var style = typeof(TValue) == typeof(string) && kind.Unit == "text" ? ScalarStyle.DoubleQuoted : ScalarStyle.Plain;
        emitter.Emit(new Scalar(AnchorName.Empty, TagName.Empty, text, style, isPlainImplicit: true, isQuotedImplicit: true));
    }

    public override IEnumerable<KeyDocumentation> Document(string prefix, T defaults)
    {
        yield return new(prefix + Name, DefaultText ?? kind.Format(get(defaults)), kind.Unit, AllowedText ?? kind.Allowed, summary);
    }
}

/// <summary>
/// A key that holds numbers by name: weights of a mix, minima of counters, needed cases. A table in a file stands alone (names that it
/// leaves out have none). Keys of another type may stand beside them, and keep their default where they are left out. A name set from the
/// command line changes that one of the file's table, or of the default.
/// </summary>
internal sealed class TableKey<T, TValue>(
    string name, IReadOnlyList<string> names, ValueKind<TValue> kind, Func<T, SortedDictionary<string, TValue>> get,
    Func<string, string> summary, params IReadOnlyList<Key<T>> beside) : Key<T>(name)
{
    public override void Read(T target, SectionSetting.Entry entry, string path)
    {
        var allowed = string.Join(", ", names.Concat(beside.Select(key => key.Name)));
        if (entry.Value is not SectionSetting section)
            throw entry.Origin.Problem(path, $"is {entry.Value.What}, not a section", $"a section with {allowed}");
        var table = get(target);
        if (!section.Origin.FromCommandLine) table.Clear();
        foreach (var (key, origin, value) in section.Entries)
        {
            var full = $"{path}.{key}";
            if (beside.FirstOrDefault(other => other.Name == key) is { } known)
            {
                known.Read(target, new(key, origin, value), full);
                continue;
            }

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

        foreach (var key in beside)
        {
            emitter.Emit(new Scalar(key.Name));
            key.Write(source, emitter);
        }

        emitter.Emit(new MappingEnd());
    }

    public override IEnumerable<KeyDocumentation> Document(string prefix, T defaults)
    {
        var table = get(defaults);
        foreach (var key in names)
            yield return new(
                $"{prefix}{Name}.{key}", table.TryGetValue(key, out var value) ? kind.Format(value) : "0", kind.Unit, kind.Allowed,
                summary(key));
        foreach (var documented in beside.SelectMany(key => key.Document($"{prefix}{Name}.", defaults))) yield return documented;
    }
}
