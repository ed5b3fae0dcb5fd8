using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Livebed.Driver.CampaignFiles;

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
