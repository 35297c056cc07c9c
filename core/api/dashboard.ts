import { slotRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { AdminRight } from './rights.ts'
import type { Subject } from './subject.ts'
import type { User } from './users.ts'

/**
 * A value that the dashboard shows: text, a word of the plugin, which is shown in the reader's language, a link (also of a
 * word) to a path of the hub's own host, a time in milliseconds, or nothing. A form without fields is shown as its button, which always asks
 * before it calls.
 */
export type DashboardValue =
  | string
  | number
  | null
  | { readonly word: string; readonly href?: string }
  | { readonly text: string; readonly href: string }
  | { readonly time: number }
  | DashboardForm

/** An input of a form. The form sends its value as text, number or boolean. */
export interface DashboardField {
  /** Key in the body of the call. */
  readonly name: string
  readonly label: string
  /** Default: `text`. */
  readonly type?: 'text' | 'number' | 'check'
  readonly value?: string | number | boolean
  /** The only values that a text can have. */
  readonly options?: readonly string[]
}

/** Calls the plugin's own API with the rights of the administrator, and then loads the page again. */
export interface DashboardForm {
  readonly kind: 'form'
  /** Also the question of a form that asks. */
  readonly title: string
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Path below `/v1/webapi/`. */
  readonly path: string
  readonly fields: readonly DashboardField[]
  /** Text of the button. */
  readonly submit: string
  /** Shows the button as one that destroys something, and asks before the call. Default: false. */
  readonly destructive?: boolean
  /** What the call does, in a sentence below the question. */
  readonly effect?: string
  /** What a person types before the call, such as the name of the thing that is lost. Default: nothing. */
  readonly confirm?: string
}

/** How a table is shown. Columns are named by their place, from 0 on. */
export interface DashboardLayout {
  /** Takes the width that the others leave. Default: the first. */
  readonly rest?: number
  /** Shown only if a person chooses them. Default: none. */
  readonly hidden?: readonly number[]
  /**
   * On a phone a row has two lines: the columns at the beginning and at the end of each. Default: the first column, the second
   * below it, and the last two buttons.
   */
  readonly phone?: {
    readonly first: number
    readonly second?: number
    readonly firstEnd?: number
    readonly secondEnd?: number
  }
}

/** A part of a page or panel. The dashboard renders it; text is text, never markup. */
export type DashboardBlock =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'facts'; readonly facts: Readonly<Record<string, DashboardValue>> }
  | {
      readonly kind: 'table'
      readonly title: string
      readonly columns: readonly string[]
      /**
       * Of a page, any number: the hub searches, sorts and sends a long table in parts. A panel shows the first 1,000, and how many there
       * are.
       */
      readonly rows: readonly (readonly DashboardValue[])[]
      /** Shown instead of a table without rows. */
      readonly empty: string
      readonly layout?: DashboardLayout
    }
  | DashboardForm

/**
 * A page of the administration, or a panel on the page of an app or a person. Its content is data, loaded within 5 s for
 * administrators with the `right` and people to whom a page opens only, and has at most a million characters as JSON, of each table the first
 * 1,000 rows; a plugin that throws or returns anything else loses its page or panel, and the log says why. For a link in the navigation of
 * everybody, use `homeLinks`.
 */
export type DashboardPart = {
  readonly right: AdminRight
  /**
   * The part in other languages: by language, such as `de`, and by the English text of a title, column, label, button, fact,
   * sentence or `word`. `{}` in both stands for anything, in the same order. A text without one stays English.
   */
  readonly texts?: Readonly<Record<string, Readonly<Record<string, string>>>>
} & (
  | {
      readonly kind: 'page'
      /** Last part of the page's address: small letters, digits and `-`. */
      readonly path: string
      readonly title: string
      /**
       * Also opens the page to people who are signed in and lack the `right`; the `content` then has only what concerns them. Asked with
       * each call. Default: to none.
       */
      readonly opensTo?: (reader: Subject) => boolean
      readonly content: (reader: Subject) => Promise<readonly DashboardBlock[]>
    }
  | {
      readonly kind: 'panel'
      readonly title: string
      /** Null for an app that the panel does not concern. */
      readonly content: (app: App) => Promise<readonly DashboardBlock[] | null>
    }
  | {
      readonly kind: 'person-panel'
      readonly title: string
      /** Null for a person whom the panel does not concern. */
      readonly content: (person: User) => Promise<readonly DashboardBlock[] | null>
    }
)

/** Pages and panels that plugins add to the dashboard. */
export const dashboardParts = slotRef<DashboardPart>('dashboardParts')
